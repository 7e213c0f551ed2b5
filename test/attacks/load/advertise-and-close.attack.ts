import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { advertise } from '../../../src/service/index.js';
import { respondJson, startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'advertise-and-close',
  what: 'a server that is advertised and closed many times keeps no listener of it',
  sizes: { small: 15, full: 1_000 },
  limits: { leftListeners: 0 },
  async run(size) {
    const registry = await startHostileRegistry((path, body, response) =>
      respondJson(response, 200, {
        ...(path === '/v1/register' ? { epoch: 1, secret: 's', leaseMs: body.leaseMs } : { appliesInMs: 0 }),
        ...{ revision: '1', incarnation: 'a' },
      }),
    );
    let leftListeners = 0;
    for (const server of [
      createServer(() => undefined),
      createServer(),
      createHttp2Server(() => undefined),
    ]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const count = (): number =>
        server.eventNames().reduce((sum, event) => sum + server.listenerCount(event), 0) +
        process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0);
      const before = count();
      for (let i = 0; i < size; i++) {
        const advertisement = await advertise({
          ...{ name: '/shop/orders', address: server, registry: registry.url, logger: silentLogger },
        });
        await advertisement.close();
      }
      leftListeners += count() - before;
      server.close();
    }
    await registry.close();
    return { leftListeners };
  },
};
