import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

export const attack: LoadAttack = {
  name: 'ever-new-names',
  what: 'requests for names that do not exist leave nothing behind',
  sizes: { small: 20_000, full: 1_000_000 },
  limits: { heapGrowthMiB: 8 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      let next = 0;
      const ask = async (count: number): Promise<void> => {
        const end = next + count;
        const worker = async (): Promise<void> => {
          while (next < end) {
            const name = `/absent/n${String(next++)}`;
            if (next % 4 === 0) await registry.post('/v1/launch', { name });
            else if (next % 4 === 1) await registry.get(`/v1/whois?address=http://127.0.0.1:1&x=${name}`);
            else if (next % 4 === 2) await registry.get(`/v1/list?glob=${name}/*`);
            else await registry.get(`/v1/resolve?name=${name}`);
          }
        };
        await Promise.all(Array.from({ length: 50 }, worker));
      };
      await ask(Math.min(10_000, size));
      const before = await registry.figures();
      await ask(size);
      const { heapBytes } = await registry.figures();
      const growth = heapBytes - before.heapBytes;
      return { heapGrowthMiB: growth / 2 ** 20, bytesPerRequest: growth / size };
    } finally {
      await registry.close();
    }
  },
};
