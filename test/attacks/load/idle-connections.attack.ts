import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

/** Of the attacked registry at full size, beyond which the attacker opens connections. */
const maxConnections = 4_096;

export const attack: LoadAttack = {
  name: 'idle-connections',
  what: 'idle connections of one process close no connection that renews a lease, and no new client is refused',
  sizes: { small: 300, full: 4_200 },
  limits: { refused: 0, lostLeases: 0 },
  async run(size) {
    const registry = await startAttackedRegistry({ maxConnections: Math.min(maxConnections, size - 100) });
    const { hostname, port } = new URL(registry.url);
    const service = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
    const send = async (dispatcher: Agent, path: string, body: unknown): Promise<any> => {
      const response = await request(registry.url + path, {
        ...{
          dispatcher,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        },
      });
      const text = await response.body.text();
      if (response.statusCode !== 200) throw new Error(`${String(response.statusCode)} ${text}`);
      return JSON.parse(text) as unknown;
    };
    try {
      const endpoint = {
        name: '/shop/orders',
        id: 'i',
        addresses: ['http://127.0.0.1:3001'],
        leaseMs: 1_000,
      };
      const { epoch, secret } = await send(service, '/v1/register', endpoint);
      const renewals = [{ name: '/shop/orders', id: 'i', epoch, secret }];
      let lostLeases = 0;
      const renew = async (): Promise<void> => {
        const { results } = await send(service, '/v1/renew', { renewals }).catch(() => ({
          results: ['lost'],
        }));
        lostLeases += Number(results[0] !== 'renewed');
      };
      await renew();
      const state = { hasEnded: false };
      const renewing = (async () => {
        for (; !state.hasEnded; await setTimeout(300)) await renew();
      })();
      const idle = Array.from({ length: size }, () =>
        connect(Number(port), hostname).on('error', () => undefined),
      );
      await Promise.all(idle.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
      let refused = 0;
      for (let i = 0; i < 195; i++) {
        const client = new Agent({ connections: 1 });
        await request(`${registry.url}/v1/resolve?name=/shop/orders`, { dispatcher: client })
          .then(({ body }) => body.text())
          .catch(() => refused++);
        void client.destroy();
      }
      await setTimeout(1_500);
      state.hasEnded = true;
      await renewing;
      for (const socket of idle) socket.destroy();
      return { refused, lostLeases };
    } finally {
      await service.destroy();
      await registry.close();
    }
  },
};
