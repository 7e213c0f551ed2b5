import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from '../../../src/index.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'huge-weight',
  what: 'an endpoint with the largest weight draws at most ten times the calls of an honest one',
  sizes: { small: 400, full: 20_000 },
  // Ten of thirteen shares, and a margin for chance.
  limits: { acceptedWeights: 1, sharePercent: 85 },
  async run(size) {
    const registry = await startAttackedRegistry();
    const servers = Array.from({ length: 4 }, () => createServer());
    let drawn = 0;
    let acceptedWeights = 0;
    for (const [i, server] of servers.entries()) {
      server.on('request', (_request, response) => {
        if (i === 0) drawn++;
        response.end('ok');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const addresses = [`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`];
      const request = { name: '/shop/orders', id: `i${String(i)}`, addresses };
      for (const weight of i === 0 ? [1e308, 1_000.1, 1_000] : [1]) {
        const { status } = await registry.post('/v1/register', { ...request, weight });
        if (i === 0 && status === 200) acceptedWeights++;
      }
    }
    const clerk = createClerk({ registry: registry.url, logger: silentLogger });
    try {
      const binding = clerk.bind('/shop/orders', { policy: 'weighted' });
      for (let i = 0; i < size; i++) await binding.text('/');
      return { acceptedWeights, sharePercent: (100 * drawn) / size };
    } finally {
      await clerk.close();
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await registry.close();
    }
  },
};
