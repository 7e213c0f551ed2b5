import { startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'lines-of-an-event',
  what: 'an event of a watch with very many lines, of unknown fields or with rare line ends, takes little time (size: ms)',
  sizes: { small: 3_000, full: 15_000 },
  limits: { cpuSeconds: 1.5 },
  async run(size) {
    const chunks = ['x\n', ':\r'].map((line) => Buffer.from(line.repeat(32_768)));
    let watches = 0;
    const registry = await startHostileRegistry((path, _body, response) => {
      if (path !== '/v1/watch') {
        response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
        return;
      }
      const chunk = chunks[watches++ % chunks.length] as Buffer;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const send = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('error', () => undefined).on('drain', send);
      send();
    });
    try {
      const figures = await runVictim({ task: 'watch-hostile-registry', url: registry.url, size });
      return { ...figures, watches };
    } finally {
      await registry.close();
    }
  },
};
