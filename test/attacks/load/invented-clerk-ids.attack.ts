import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk } from '../../../src/index.js';
import { advertise } from '../../../src/service/index.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'invented-clerk-ids',
  what: 'reports of eleven invented clerks mark no endpoint that renews its lease and answers ten honest clerks',
  sizes: { small: 5_000, full: 60_000 },
  limits: { marked: 0, failedCalls: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    const common = {
      name: '/shop/orders',
      registry: registry.url,
      drainOnSignal: false,
      logger: silentLogger,
    };
    const servers = [createServer(), createServer()];
    const advertisements = [];
    for (const server of servers) {
      server.on('request', (_request, response) => response.end('ok'));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      advertisements.push(await advertise({ ...common, address: server }));
    }
    const clerks = Array.from({ length: 10 }, () =>
      createClerk({ registry: registry.url, logger: silentLogger }),
    );
    const [attacked] = advertisements;
    const reports = [
      { name: '/shop/orders', id: attacked?.id, epoch: attacked?.epoch, verdict: 'unreachable' },
    ];
    let [marked, failedCalls] = [0, 0];
    try {
      const endAt = performance.now() + size;
      while (performance.now() < endAt) {
        for (let i = 0; i < 11; i++)
          await registry.change('/v1/report', { clerk: `invented-${String(i)}`, reports });
        for (const clerk of [...clerks, ...clerks]) {
          const response = clerk.bind('/shop/orders').text('/');
          await response.catch(() => failedCalls++);
        }
        const { endpoints } = JSON.parse((await registry.get('/v1/resolve?name=/shop/orders')).text) as {
          endpoints: readonly { state: string }[];
        };
        if (endpoints.some(({ state }) => state === 'suspect')) marked++;
        await sleep(100);
      }
      return { marked, failedCalls };
    } finally {
      await Promise.all(clerks.map((clerk) => clerk.close()));
      await Promise.all(advertisements.map((advertisement) => advertisement.close()));
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await registry.close();
    }
  },
};
