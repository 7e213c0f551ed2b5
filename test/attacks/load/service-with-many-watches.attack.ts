import { limits as serverLimits } from '../../../src/protocol/limits.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { openWatch } from './watch-client.js';

export const attack: LoadAttack = {
  name: 'service-with-many-watches',
  what: 'a registration of a large service that 64 watches follow does not hold the event loop',
  sizes: { small: 50, full: 500 },
  limits: { heldMs: 50 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const register = (id: string): Promise<unknown> =>
        registry.change('/v1/register', {
          ...{ name: '/shop/orders', id, addresses: ['http://127.0.0.1:3001'], leaseMs: 3_600_000 },
          attributes: { padding: 'x'.repeat(7_000) },
        });
      for (let i = 0; i < size; i++) await register(`i${String(i)}`);
      const watches = await Promise.all(
        Array.from({ length: serverLimits.maxWatches }, () =>
          openWatch(registry, ['/shop/orders', '/shop/**']),
        ),
      );
      await Promise.all(watches.map((watch) => watch.untilReceived('current', 1)));
      await registry.figures();
      await register('new');
      await Promise.all(watches.map((watch) => watch.untilReceived('put', 2)));
      const { heldMs } = await registry.figures();
      for (const watch of watches) watch.close();
      return { heldMs };
    } finally {
      await registry.close();
    }
  },
};
