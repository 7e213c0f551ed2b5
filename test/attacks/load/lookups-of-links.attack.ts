import { startAttackedRegistry } from './attacked-registry.js';
import { registerLarge } from './large-service.js';
import type { LoadAttack } from './load-attack.js';
import { storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'lookups-of-links',
  what: 'a lookup through each of many links to one large service keeps no copy of its response',
  sizes: { small: 30, full: 1_000 },
  limits: { heapGrowthMiB: 64 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registerLarge(registry, 450, 7_000);
      const names = Array.from({ length: size }, (_, i) => `/l/${String(i)}`);
      await storeLines(
        registry,
        names.map((name) => ({ kind: 'link', name, target: '/shop/orders', guaranteedMs: 0 })),
      );
      await registry.get('/v1/resolve?name=/shop/orders');
      const before = await registry.figures();
      let length = 0;
      for (const name of names) {
        const { status, text } = await registry.get(`/v1/resolve?name=${name}`);
        if (status !== 200) throw new Error(`${String(status)} ${text.slice(0, 300)}`);
        ({ length } = text);
      }
      const { heapBytes, rssBytes } = await registry.figures();
      return {
        heapGrowthMiB: (heapBytes - before.heapBytes) / 2 ** 20,
        rssGrowthMiB: (rssBytes - before.rssBytes) / 2 ** 20,
        responseMiB: length / 2 ** 20,
      };
    } finally {
      await registry.close();
    }
  },
};
