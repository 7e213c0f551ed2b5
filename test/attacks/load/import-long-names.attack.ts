import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { services, storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'import-long-names',
  what: 'an import of many names of 220 bytes leaves honest lookups their time, or is refused before it begins',
  sizes: { small: 2_000, full: 100_000 },
  limits: { heldMs: 50, wrongStatuses: 0 },
  fullLimits: { honestP99Ms: 100 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registry.change('/v1/define', { name: '/shop/orders' });
      const parent = `/${'p'.repeat(50)}`.repeat(4);
      const lines = [...services(size, (i) => `${parent}/${String(i).padStart(15, '0')}`)];
      await registry.figures();
      let status = 0;
      const load = async (): Promise<void> => {
        ({ status } = await registry.post(
          '/v1/import',
          `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`,
        ));
        await storeLines(registry, lines);
      };
      const honestP99Ms = await registry.besideLookups('/shop/orders', 200, load());
      const { heldMs } = await registry.figures();
      return { heldMs, honestP99Ms, wrongStatuses: Number(status !== 200 && status !== 429), status };
    } finally {
      await registry.close();
    }
  },
};
