import { createClerk } from '../../../src/index.js';
import { respondJson, startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'short-watches',
  what: 'a registry that ends each watch at once, complete or not, is asked at most ten times a second',
  sizes: { small: 1_500, full: 20_000 },
  limits: { completePerSecond: 10, emptyPerSecond: 10, shortHeartbeatsPerSecond: 10 },
  async run(size) {
    const rate = async (events: readonly object[], heartbeatMs: number, ends: boolean): Promise<number> => {
      const registry = await startHostileRegistry((path, body, response) => {
        if (path !== '/v1/watch') {
          respondJson(response, 200, {});
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const open = { type: 'open', watch: 'w', resumed: false, heartbeatMs, incarnation: 'a', statedAt: 1 };
        for (const event of [open, ...events] as readonly { type: string }[])
          response.write(
            `id: a:1\nevent: ${event.type}\ndata: ${JSON.stringify({ ...event, globs: body.globs })}\n\n`,
          );
        if (ends) response.end();
      });
      const clerk = createClerk({ registry: registry.url, logger: silentLogger });
      const watched = clerk
        .watch('/shop/**')
        .next()
        .catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, size));
      const opened = registry.requests.get('/v1/watch') ?? 0;

      await clerk.close();
      await watched;
      await registry.close();
      return opened / (size / 1_000);
    };
    const [completePerSecond, emptyPerSecond, shortHeartbeatsPerSecond] = await Promise.all([
      rate([{ type: 'current' }], 5_000, true),
      rate([], 5_000, true),
      rate([{ type: 'current' }], 0.001, false),
    ]);
    return { completePerSecond, emptyPerSecond, shortHeartbeatsPerSecond };
  },
};
