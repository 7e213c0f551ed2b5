import { limits as serverLimits } from '../../../src/protocol/limits.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

export const attack: LoadAttack = {
  name: 'squatted-names',
  what: 'one principal gets a bounded number of names, and none with a guarantee of seven days',
  sizes: { small: 2_000, full: 300_000 },
  limits: { excessNames: 0, longGuarantees: 0 },
  async run(size) {
    const maxNamesPerPrincipal = Math.min(serverLimits.maxNamesPerPrincipal, Math.floor(size / 2));
    const registry = await startAttackedRegistry({ maxNamesPerPrincipal });
    try {
      for (let from = 0; from < size; from += 1_000) {
        const lines = Array.from({ length: 1_000 }, (_, i) =>
          JSON.stringify({ kind: 'link', name: `/squat/${String(from + i)}`, target: '/a', guaranteedMs: 0 }),
        );
        await registry.post('/v1/import', `${lines.join('\n')}\n`);
      }
      const week = { target: '/a', guaranteedMs: 7 * 24 * 3_600_000 };
      const { status } = await registry.post('/v1/link', { name: '/squat/week', ...week });
      const { text } = await registry.get('/healthz');
      const { links } = JSON.parse(text) as { readonly links: number };
      return { links, excessNames: links - maxNamesPerPrincipal, longGuarantees: Number(status === 200) };
    } finally {
      await registry.close();
    }
  },
};
