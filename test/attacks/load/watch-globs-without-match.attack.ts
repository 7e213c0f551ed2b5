import { limits as serverLimits } from '../../../src/protocol/limits.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { letters } from './stored-names.js';
import { openWatch } from './watch-client.js';

export const attack: LoadAttack = {
  name: 'watch-globs-without-match',
  what: '64 watches of many globs that match nothing do not make a registration slow',
  sizes: { small: 500, full: 4_000 },
  limits: { heldMs: 50 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const watches = await Promise.all(
        Array.from({ length: serverLimits.maxWatches }, async (_, watch) => {
          const globs = Array.from({ length: size }, (_, i) => `/*z${letters(watch * size + i, 6)}*q`);
          const largest = await openWatch(registry, globs);
          if (largest.status !== 429) return largest;
          return openWatch(registry, globs.slice(0, 1_000));
        }),
      );
      await Promise.all(watches.map((watch) => watch.untilReceived('current', 1)));
      await registry.figures();
      for (let i = 0; i < 5; i++)
        await registry.change('/v1/register', {
          name: '/shop/orders',
          id: `i${String(i)}`,
          addresses: ['http://127.0.0.1:3001'],
        });
      const { heldMs } = await registry.figures();
      for (const watch of watches) watch.close();
      return { heldMs };
    } finally {
      await registry.close();
    }
  },
};
