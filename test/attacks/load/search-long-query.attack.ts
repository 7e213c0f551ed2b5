import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

export const attack: LoadAttack = {
  name: 'search-long-query',
  what: 'a search for a long value in large endpoints takes time proportional to their length',
  sizes: { small: 1_000, full: 7_000 },
  limits: { heldMs: 50, wrongStatuses: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      for (let i = 0; i < 100; i++)
        await registry.change('/v1/register', {
          ...{ name: `/shop/s${String(i)}`, id: 'a', addresses: ['http://127.0.0.1:3001'] },
          attributes: { a: 'x'.repeat(7_000) },
        });
      await registry.figures();
      const found = await registry.get(`/v1/search?glob=/**&a=y${'x'.repeat(size)}`);
      const all = await registry.get(`/v1/search?glob=/**&a=${'x'.repeat(7_000)}`);
      const { heldMs } = await registry.figures();
      const isRight = (JSON.parse(all.text) as { entries?: unknown[] }).entries?.length === 100;
      return { heldMs, wrongStatuses: Number(found.status !== 200) + Number(!isRight) };
    } finally {
      await registry.close();
    }
  },
};
