/**
 * Caching until expiry: an answer is used for as long as the registry promised it. When the registry is gone by then,
 * what it last said goes on being used, and says that it is stale.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

export async function main(): Promise<void> {
  const registry = await startServer({ port: 0 });
  const server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  const name = '/shop/orders';
  const ad = await advertise({ name, address: server, registry: registry.url });
  await using clerk = createClerk({ registry: registry.url });
  const orders = clerk.bind(name);
  let asked = 0;
  clerk.on('resolved', () => asked++);
  for (let i = 0; i < 100; i++) await orders.text('/orders/7');
  console.log(`100 calls, look-ups: ${asked}`);

  const fresh = await clerk.resolve(name);
  console.log(`promised for ${Math.round(fresh.guaranteedMs / 1_000)} s, stale: ${fresh.stale}`);

  await registry.close();
  await sleep(fresh.guaranteedMs); // longer than was promised
  console.log(`the registry is gone, and the call is answered: ${await orders.text('/orders/7')}`);
  console.log(`stale: ${(await clerk.resolve(name)).stale}`);

  await ad.close(); // it tries for a while to tell somebody
  server.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> 100 calls, look-ups: 1
//=> promised for 5 s, stale: false
//=> the registry is gone, and the call is answered: ok
//=> stale: true
