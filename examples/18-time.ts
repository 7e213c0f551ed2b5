/**
 * Time: the service's record says how long a call may take, the deadline travels with the call, and what the service
 * calls meanwhile ends with it. Nobody in the chain works for a caller that has gone.
 */
import { createServer } from 'node:http';
import { createClerk, isClerkError } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { tell } from './lib/registry.js';

export async function main(): Promise<void> {
  await using registry = await startServer({ port: 0 });
  // In a terminal: npx clerk define /shop/orders --policy round-robin --call-timeout 300
  await tell(registry.url, 'define', { name: '/shop/orders', policy: 'round-robin', timeoutMs: 300 });
  await using clerk = createClerk({ registry: registry.url });
  const [stock, orders] = [clerk.bind('/shop/stock'), clerk.bind('/shop/orders')];
  const endOf = (call: Promise<unknown>) => call.catch((e: unknown) => isClerkError(e) && e.code);

  const nobody = createServer(() => {}); // the stock is never answered for
  let inner: Promise<unknown> | undefined;
  const front = createServer(() => {
    inner = endOf(stock.json('/pizza')); // 10 s by default, had its own caller not less
  });
  for (const server of [nobody, front]) server.listen(0, '127.0.0.1');
  const { url } = registry;
  await using _stock = await advertise({ name: '/shop/stock', address: nobody, registry: url });
  await using _orders = await advertise({ name: '/shop/orders', address: front, registry: url });

  console.log(await endOf(orders.json('/orders/7')));
  const { policy, timeoutMs } = orders.explain();
  console.log(`the call inside: ${String(await inner)}; by ${policy}, ${timeoutMs} ms`);
  for (const server of [nobody, front]) server.close().closeAllConnections();
}

if (process.argv[1] === import.meta.filename) await main();
//=> DEADLINE_EXCEEDED
//=> the call inside: DEADLINE_EXCEEDED; by round-robin, 300 ms
