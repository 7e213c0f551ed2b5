import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { storeLines } from './stored-names.js';
import { openWatch } from './watch-client.js';

export const attack: LoadAttack = {
  name: 'links-to-a-large-service',
  what: 'a watch of many links to one large service, and a registration there, do not hold the event loop',
  sizes: { small: 200, full: 4_000 },
  limits: { heldMs: 50 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const register = (id: string): Promise<unknown> =>
        registry.change('/v1/register', {
          ...{ name: '/shop/orders', id, addresses: ['http://127.0.0.1:3001'], leaseMs: 3_600_000 },
          attributes: { padding: 'x'.repeat(2_000) },
        });
      for (let i = 0; i < 100; i++) await register(`i${String(i)}`);
      const names = Array.from({ length: size }, (_, i) => `/l/${String(i)}`);
      await storeLines(
        registry,
        names.map((name) => ({ kind: 'link', name, target: '/shop/orders', guaranteedMs: 0 })),
      );
      await registry.figures();
      const watch = await openWatch(registry, names);
      await watch.untilReceived('current', 1);
      await register('new');
      await watch.untilReceived('put', size + 1);
      const { heldMs } = await registry.figures();
      watch.close();
      return { heldMs };
    } finally {
      await registry.close();
    }
  },
};
