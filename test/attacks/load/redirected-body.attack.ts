import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from '../../../src/index.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'redirected-body',
  what: "with redirects: 'names', a service that redirects to another host does not lead the body there",
  sizes: { small: 8, full: 1_000 },
  limits: { requests: 0, otherErrors: 0 },
  async run(size) {
    let requests = 0;
    const outside = createServer((_request, response) => {
      requests++;
      response.end('outside');
    });
    const service = createServer((request, response) => {
      const status = [301, 302, 303, 307, 308][Number(request.url?.slice(1)) % 5] ?? 307;
      const location = `http://127.0.0.1:${String((outside.address() as AddressInfo).port)}/`;
      response.writeHead(status, { location }).end();
    });
    for (const server of [outside, service]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    const address = `http://127.0.0.1:${String((service.address() as AddressInfo).port)}`;
    const clerk = createClerk({
      registry: { '/shop/orders': address },
      redirects: 'names',
      logger: silentLogger,
    });
    let otherErrors = 0;
    try {
      for (let i = 0; i < size; i++) {
        const error: unknown = await clerk
          .fetch(`http://orders.shop.clerk/${String(i)}`, { method: 'POST', body: 'secret' })
          .catch((failure: unknown) => (failure as Error).cause);
        if ((error as { code?: string }).code !== 'FORBIDDEN') otherErrors++;
      }
      return { requests, otherErrors };
    } finally {
      await clerk.close();
      for (const server of [outside, service]) {
        server.close();
        server.closeAllConnections();
      }
    }
  },
};
