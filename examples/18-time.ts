/**
 * Time: the service config sets the timeout of a call. The deadline travels with the call and caps the calls that the
 * service makes. No service in the chain works for a caller that has given up.
 */
import { createServer } from 'node:http';
import { createClerk, isClerkError } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

export async function main(): Promise<void> {
  await using registry = await startServer({ port: 0 });
  // In a terminal: npx clerk define /shop/orders --policy round-robin --call-timeout 300
  await using admin = await administer({ registry: registry.url });
  await admin.define('/shop/orders', { policy: 'round-robin', timeoutMs: 300 });
  await using clerk = createClerk({ registry: registry.url });
  const [stock, orders] = [clerk.bind('/shop/stock'), clerk.bind('/shop/orders')];
  const codeOf = (call: Promise<unknown>) => call.catch((e: unknown) => isClerkError(e) && e.code);

  const silent = createServer(() => {}); // it never responds
  let inner: Promise<unknown> | undefined;
  const front = createServer(() => {
    inner = codeOf(stock.json('/pizza')); // 10 s by default, capped by the deadline of its caller
  });
  for (const server of [silent, front]) server.listen(0, '127.0.0.1');
  const { url } = registry;
  await using _stock = await advertise({ name: '/shop/stock', address: silent, registry: url });
  await using _orders = await advertise({ name: '/shop/orders', address: front, registry: url });

  console.log(await codeOf(orders.json('/orders/7')));
  const { policy, timeoutMs } = orders.explain();
  console.log(`the nested call: ${String(await inner)}; by ${policy}, ${timeoutMs} ms`);
  for (const server of [silent, front]) server.close().closeAllConnections();
}

if (process.argv[1] === import.meta.filename) await main();
//=> DEADLINE_EXCEEDED
//=> the nested call: DEADLINE_EXCEEDED; by round-robin, 300 ms
