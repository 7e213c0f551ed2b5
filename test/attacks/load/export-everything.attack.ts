import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { services, storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'export-everything',
  what: 'exports of all names leave honest lookups their time, and show one state',
  sizes: { small: 5_000, full: 200_000 },
  limits: { heldMs: 50, wrongLines: 0 },
  fullLimits: { honestP99Ms: 100 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await storeLines(
        registry,
        services(size, (i) => `/d${String(i % 100)}/s${String(i)}`),
      );
      await registry.figures();
      const exports = async (): Promise<readonly number[]> => {
        const first = registry.get('/v1/export');
        const second = registry.get('/v1/export');
        await registry.change('/v1/define', { name: '/zz-new' });
        await registry.change('/v1/remove', { name: '/d0/s0' });
        return (await Promise.all([first, second])).map(({ text }) => text.trim().split('\n').length);
      };
      let counts: readonly number[] = [];
      const exported = exports().then((found) => (counts = found));
      const honestP99Ms = await registry.besideLookups('/d1/s1', 200, exported);
      const { heldMs } = await registry.figures();
      // A name was added and another removed meanwhile.
      const wrongLines = counts.filter((count) => Math.abs(count - size) > 1).length;
      return { heldMs, honestP99Ms, wrongLines };
    } finally {
      await registry.close();
    }
  },
};
