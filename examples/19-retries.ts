/**
 * Retries and attempt timeouts: set per binding, and per request where a request differs. Each setting that is missing comes
 * from the binding, then from the service config, then from the defaults. `explain` shows the settings in effect.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';

export async function main(): Promise<void> {
  const silent = createServer(() => {}); // it never responds
  const good = createServer((_request, response) => void response.end('an order'));
  const broken = [1, 2].map(() => createServer((_request, response) => void response.writeHead(500).end()));
  const servers = [silent, good, ...broken];
  for (const server of servers) await new Promise<void>((up) => void server.listen(0, '127.0.0.1', up));
  const [a, b, ...stocks] = servers.map((one) => `http://127.0.0.1:${(one.address() as AddressInfo).port}`);
  const registry = { '/shop/orders': [String(a), String(b)], '/shop/stock': stocks };
  await using clerk = createClerk({ registry, closeTimeoutMs: 5_000 });

  const orders = clerk.bind('/shop/orders', {
    policy: ([first]) => first, // the silent server
    attemptTimeoutMs: { max: 100 }, // then a second attempt joins the first
    probe: { method: 'GET', path: '/health' },
    routeOf: (_method, path) => (path.startsWith('/reports') ? 'reports' : 'orders'),
  });
  console.log(await orders.text('/orders/7'));
  const retries = { max: 2, statuses: [500, 503], budget: { ratio: 0.2, minPerSecond: 5 } };
  const stock = clerk.bind('/shop/stock', { retries });
  const [retried, single] = [{ path: '/' }, { path: '/', retries: false as const }];
  for (const options of [retried, single]) console.log('attempts:', (await stock.request(options)).attempts);
  const { retries: inEffect } = stock.explain().settings;
  console.log(inEffect && inEffect.statuses, orders.explain().settings.maxAttemptTimeoutMs);
  for (const server of servers) server.close().closeAllConnections();
}

if (process.argv[1] === import.meta.filename) await main();
//=> an order
//=> attempts: 2
//=> attempts: 1
//=> [ 500, 503 ] 100
