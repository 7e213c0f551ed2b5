import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { services, storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'list-many-stars',
  what: 'lists and searches with many wildcards over many names answer in parts',
  sizes: { small: 3_000, full: 100_000 },
  limits: { heldMs: 50, wrongStatuses: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const deep = '/aaaaaaaa'.repeat(8);
      await storeLines(
        registry,
        services(size, (i) =>
          i % 2 === 0 ? `/${'a'.repeat(50)}${String(i)}` : `${deep}/${'a'.repeat(50)}${String(i)}`,
        ),
      );
      await registry.figures();
      let wrongStatuses = 0;
      for (const glob of ['/a*a*a*a*a*a*a*b', '/**/a*a*a*a*a*a*b', '/**/*a*/**/*a*/**/*b', '/**/x']) {
        for (let after: string | null = ''; after !== null;) {
          const query: string = `glob=${encodeURIComponent(glob)}${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`;
          const { status, text } = await registry.get(`/v1/list?${query}`);
          if (status !== 200) throw new Error(text);
          after = (JSON.parse(text) as { next: string | null }).next;
        }
        const { status } = await registry.get(`/v1/search?glob=${encodeURIComponent(glob)}`);
        if (status !== 200 && status !== 429) wrongStatuses++;
      }
      const { heldMs } = await registry.figures();
      return { heldMs, wrongStatuses };
    } finally {
      await registry.close();
    }
  },
};
