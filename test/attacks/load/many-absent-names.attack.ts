import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'many-absent-names',
  what: 'a clerk that is asked for more names than a watch holds still hears of changes, and logs few lines',
  sizes: { small: 1_000, full: 10_300 },
  limits: { changedMs: 10_000, warnings: 100 },
  async run(size) {
    const registry = await startAttackedRegistry();
    const service = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(service, 'listening');
    try {
      const address = `http://127.0.0.1:${String((service.address() as AddressInfo).port)}`;
      await registry.change('/v1/register', {
        name: '/shop/orders',
        id: 'o',
        addresses: [address],
        leaseMs: 600_000,
      });
      return await runVictim({ task: 'ask-for-absent-names', url: registry.url, size });
    } finally {
      service.closeAllConnections();
      service.close();
      await registry.close();
    }
  },
};
