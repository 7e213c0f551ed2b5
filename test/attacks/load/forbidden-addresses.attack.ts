import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClerk } from '../../../src/index.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'forbidden-addresses',
  what: 'a stranger who registers metadata, link-local and unspecified addresses or a socket of root gets no byte of a call',
  sizes: { small: 3, full: 100 },
  limits: { connections: 0, acceptedAddresses: 2 },
  async run(size) {
    const registry = await startAttackedRegistry();
    const folder = mkdtempSync(join(tmpdir(), 'clerk-attack-'));
    const socketPath = join(folder, 'docker.sock');
    let connections = 0;
    const victims = [createServer(), createServer()];
    for (const victim of victims) victim.on('connection', (socket) => (connections++, socket.destroy()));
    const [everywhere, local] = victims as [(typeof victims)[0], (typeof victims)[0]];
    everywhere.listen(0, '::');
    local.listen(socketPath);
    await Promise.all(victims.map((victim) => once(victim, 'listening')));
    chmodSync(socketPath, 0o660);
    const port = String((everywhere.address() as AddressInfo).port);
    const hosts = [
      '0.0.0.0',
      '[::]',
      '[::ffff:0.0.0.0]',
      '169.254.169.254',
      '[::ffff:a9fe:a9fe]',
      '[fe80::1]',
    ];
    const addresses = [...hosts.map((host) => `http://${host}:${port}`), `unix:${socketPath}`];
    let acceptedAddresses = 0;
    for (const [i, address] of addresses.entries()) {
      const registration = { name: '/shop/orders', id: `i${String(i)}`, addresses: [address] };
      if ((await registry.post('/v1/register', registration)).status === 200) acceptedAddresses++;
    }
    const clerk = createClerk({ registry: registry.url, logger: silentLogger });
    try {
      for (let i = 0; i < size; i++) {
        const options = { headers: { authorization: 'Bearer secret' }, timeoutMs: 300 };
        const error = await clerk
          .bind('/shop/orders')
          .text('/', options)
          .catch((failure: unknown) => (failure as { code?: unknown }).code);
        if (error !== 'NO_ENDPOINT')
          throw new Error(`The call must fail with NO_ENDPOINT; got ${JSON.stringify(error)}`);
      }
      return { connections, acceptedAddresses };
    } finally {
      await clerk.close();
      for (const victim of victims) victim.close();
      rmSync(folder, { recursive: true });
      await registry.close();
    }
  },
};
