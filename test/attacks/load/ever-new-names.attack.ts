import { startAttackedRegistry, type AttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

/** Measurements of the heap after the first one. */
const samples = 10;

/** One request of each kind, by turns. Each has a name of its own. */
const kinds: readonly ((registry: AttackedRegistry, name: string) => Promise<unknown>)[] = [
  (registry, name) => registry.get(`/v1/resolve?name=${name}`),
  (registry, name) => registry.get(`/v1/whois?address=http://127.0.0.1:1&x=${name}`),
  (registry, name) => registry.get(`/v1/list?glob=${name}/*`),
  (registry, name) => registry.post('/v1/launch', { name }),
  (registry, name) => registry.get(`/v1/search?glob=${name}/**&zone=${name.slice(1)}`),
  (registry, name) =>
    registry.post('/v1/report', {
      clerk: name.slice(1),
      reports: [{ name, id: 'i', epoch: 1, verdict: 'unreachable' }],
    }),
  (registry, name) =>
    registry.post('/v1/renew', { renewals: [{ name, id: 'i', epoch: 1, secret: 's', claimsHealthy: true }] }),
  (registry, name) => registry.post('/v1/remove', { name }),
  async (registry, name) => {
    await registry.change('/v1/define', { name, guaranteedMs: 0 });
    await registry.get(`/v1/resolve?name=${name}`);
    await registry.change('/v1/remove', { name });
  },
];

export const attack: LoadAttack = {
  name: 'ever-new-names',
  what: 'mixed requests for ever new names leave nothing behind',
  sizes: { small: 6_000, full: 1_000_000 },
  limits: { heapGrowthMiB: 8 },
  // Of the heap, from the first request to the last one.
  fullLimits: { heapSlopePercent: 5 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      let next = 0;
      const ask = async (count: number): Promise<void> => {
        const end = next + count;
        const worker = async (): Promise<void> => {
          while (next < end) {
            const number = next++;
            await kinds[number % kinds.length]?.(registry, `/absent/n${String(number)}`);
          }
        };
        await Promise.all(Array.from({ length: 50 }, worker));
      };
      // Bounded logs and caches fill up first.
      await ask(size / 2);
      const heaps = [(await registry.figures()).heapBytes];
      for (let i = 0; i < samples; i++) {
        await ask(size / samples);
        heaps.push((await registry.figures()).heapBytes);
      }
      const growth = (heaps.at(-1) as number) - (heaps[0] as number);
      return {
        heapGrowthMiB: growth / 2 ** 20,
        bytesPerRequest: growth / size,
        heapSlopePercent: Math.abs(slopePercent(heaps)),
      };
    } finally {
      await registry.close();
    }
  },
};

/** Growth along the line of least squares from the first value to the last one, in percent of the mean. */
function slopePercent(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = (values.length - 1) / 2;
  let [products, squares] = [0, 0];
  for (const [i, value] of values.entries()) {
    products += (i - middle) * (value - mean);
    squares += (i - middle) ** 2;
  }
  return ((100 * products) / squares / mean) * (values.length - 1);
}
