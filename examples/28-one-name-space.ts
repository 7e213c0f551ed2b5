/**
 * Several registries in one name space: the bundled registry, given as its URL, and a table of addresses.
 * `remoteRegistry` is for a registry whose key, identity or timeout differs from that of the clerk.
 */
import { createServer } from 'node:http';
import { createClerk, firstOf, mount, remoteRegistry } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { serve, type Answer } from './lib/serve.js';

export async function main(): Promise<void> {
  await using central = await startServer({ port: 0 });
  const server = createServer((_request, response) => response.end('central')).listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/orders', address: server, registry: central.url });
  const local = await serve('local');

  const registry = firstOf(
    mount('/central', central.url), // a URL is a registry: names below /central are looked up there
    { '/shop/reports': local.address },
  );
  const clerk = createClerk({ registry });
  console.log(await clerk.bind('/central/orders').text('/'));
  console.log((await clerk.bind('/shop/reports').json<Answer>('/')).server);
  await clerk.close(); // closes the registry, with its parts

  await using port = remoteRegistry(central.url, { timeoutMs: 2_000 });
  for (const { name, endpoints } of await port.list('/**')) console.log(name, endpoints);

  await ad.close();
  server.close();
  await local.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> central
//=> local
//=> /orders 1
