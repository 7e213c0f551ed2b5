/**
 * Caching until expiry: a lookup result is used for the time that the registry guarantees. If the registry is down
 * when this time ends, the last good result stays in use and is flagged `stale`.
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
  let lookups = 0;
  clerk.on('resolved', () => lookups++);
  for (let i = 0; i < 100; i++) await orders.text('/orders/7');
  console.log(`100 calls, lookups: ${lookups}`);

  const fresh = await clerk.resolve(name);
  console.log(`guaranteed for ${Math.round(fresh.guaranteedMs / 1_000)} s, stale: ${fresh.stale}`);

  await registry.close();
  await sleep(fresh.usableMs); // longer than the result may be used
  console.log(`the registry is down, and the call succeeds: ${await orders.text('/orders/7')}`);
  console.log(`stale: ${(await clerk.resolve(name)).stale}`);

  await ad.close(); // it tries for a while to reach a registry
  server.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> 100 calls, lookups: 1
//=> guaranteed for 5 s, stale: false
//=> the registry is down, and the call succeeds: ok
//=> stale: true
