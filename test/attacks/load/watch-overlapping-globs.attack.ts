import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { letters, services, storeLines } from './stored-names.js';
import { openWatch } from './watch-client.js';

export const attack: LoadAttack = {
  name: 'watch-overlapping-globs',
  what: 'one watch of overlapping globs over a registry full of names is refused, and small watches are served',
  sizes: { small: 500, full: 10_000 },
  limits: { heldMs: 50, wrongStatuses: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await storeLines(
        registry,
        services(size, (i) => `/a${letters(i, 6)}`),
      );
      const globs = Array.from(
        { length: Math.ceil(size * 0.4) },
        (_, i) => `/a${letters(i, i % 6)}*${letters(i, 1)}*`,
      );
      const all = [...new Set(['/**', '/*', '/a*', ...globs])];
      await registry.figures();
      let wrongStatuses = 0;
      const large = await openWatch(registry, all);
      if (large.status === 200) await large.untilReceived('current', 1);
      else if (large.status !== 429) wrongStatuses++;
      large.close();
      const small = await openWatch(registry, all.slice(0, 200));
      if (small.status !== 200) wrongStatuses++;
      await small.untilReceived('current', 1);
      small.close();
      const { heldMs } = await registry.figures();
      return { heldMs, wrongStatuses, watchStatus: large.status };
    } finally {
      await registry.close();
    }
  },
};
