import { startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'deep-json-of-registry',
  what: 'brackets in the responses of a registry are refused before they are parsed (size: lookups)',
  sizes: { small: 3, full: 20 },
  limits: { wrongCodes: 0, heldMs: 150, grownMiB: 300 },
  async run(size) {
    const half = 2 * 1024 * 1024 - 100;
    const brackets = `{"kind":"service","endpoints":${'['.repeat(half)}${']'.repeat(half)}}`;
    const registry = await startHostileRegistry((_path, _body, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(brackets);
    });
    try {
      return await runVictim({ task: 'lookup-at-hostile-registry', url: registry.url, size });
    } finally {
      await registry.close();
    }
  },
};
