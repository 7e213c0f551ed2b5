/**
 * Several registry addresses: a clerk fails over between them as between endpoints. No call fails because a registry
 * refuses connections or hangs. A service registers at a registry that responds.
 */
import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

export async function main(): Promise<void> {
  const stopped = await startServer({ port: 0 });
  await stopped.close();
  await using present = await startServer({ port: 0 });
  const registry = [stopped.url, present.url];

  const server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/shop/orders', address: server, registry });
  await using clerk = createClerk({ registry });
  console.log(await clerk.bind('/shop/orders').text('/orders/7'));
  const listed = await clerk.list('/shop/*');
  console.log(listed.map(({ name, endpoints }) => `${name}: ${endpoints} endpoint`).join());

  await ad.close();
  server.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> ok
//=> /shop/orders: 1 endpoint
