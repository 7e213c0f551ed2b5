import { startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'endless-event',
  what: 'an event of a watch that never ends keeps at most 4 MiB, also one of many short lines (size: ms)',
  sizes: { small: 4_000, full: 15_000 },
  limits: { grownMiB: 60 },
  async run(size) {
    const chunk = Buffer.from(`data: ${'7'.repeat(20)}\n:${' '.repeat(64_000)}\n`);
    const registry = await startHostileRegistry((path, _body, response) => {
      if (path !== '/v1/watch') {
        response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const send = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('error', () => undefined).on('drain', send);
      send();
    });
    try {
      return await runVictim({ task: 'watch-hostile-registry', url: registry.url, size });
    } finally {
      await registry.close();
    }
  },
};
