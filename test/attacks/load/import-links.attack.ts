import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'import-links',
  what: 'an import of many links takes linear time, or is refused before it begins',
  sizes: { small: 3_000, full: 50_000 },
  limits: { heldMs: 50, wrongStatuses: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registry.figures();
      const lines = Array.from({ length: size }, (_, i) => ({
        ...{ kind: 'link', name: `/links/l${String(i)}`, target: '/shop/orders', guaranteedMs: 0 },
      }));
      const whole = await registry.post(
        '/v1/import',
        `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`,
      );
      await storeLines(registry, lines);
      const { heldMs } = await registry.figures();
      return {
        heldMs,
        wrongStatuses: Number(whole.status !== 200 && whole.status !== 429),
        status: whole.status,
      };
    } finally {
      await registry.close();
    }
  },
};
