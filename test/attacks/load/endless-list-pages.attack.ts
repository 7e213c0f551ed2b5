import { startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'endless-list-pages',
  what: 'a list without end is given up, and no page is asked for afterwards (size: entries of a page)',
  sizes: { small: 1_000, full: 20_000 },
  limits: { wrongCodes: 0, grownMiB: 600, laterPages: 0 },
  async run(size) {
    let page = 0;
    const registry = await startHostileRegistry((_path, _body, response) => {
      page++;
      const name = (i: number): string => `/n${String(page).padStart(9, '0')}-${String(i).padStart(6, '0')}`;
      const entries = Array.from({ length: size }, (_, i) => ({
        name: name(i),
        kind: 'link',
        target: '/shop/orders',
      }));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ entries, next: name(size), revision: '1', incarnation: 'a' }));
    });
    try {
      const figures = await runVictim({ task: 'list-at-hostile-registry', url: registry.url, size });
      const asked = page;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { ...figures, pages: asked, laterPages: page - asked };
    } finally {
      await registry.close();
    }
  },
};
