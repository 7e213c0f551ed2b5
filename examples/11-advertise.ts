/**
 * Advertise and look up: services register where they listen, and clerks look names up, so no address is hard-coded. A
 * service that drains receives no new calls before it stops.
 */
import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

export async function main(): Promise<void> {
  await using registry = await startServer({ port: 0 }); // or, in a terminal: npx clerk serve
  await using clerk = createClerk({ registry: registry.url });
  const orders = clerk.bind('/shop/orders');

  const start = async (id: string) => {
    const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1');
    const what = { name: '/shop/orders', id, version: '2.1.0' };
    return { server, ad: await advertise({ ...what, address: server, registry: registry.url }) };
  };
  const [first, second] = [await start('first'), await start('second')];
  const { endpoints } = await clerk.resolve('/shop/orders');
  console.log(endpoints.map(({ id, version }) => `${id} ${version}`));

  await first.ad.drain(); // requests in flight are finished, and all clerks have refreshed their lookup
  first.server.close();
  const responses = await Promise.all(Array.from({ length: 20 }, () => orders.text('/orders/7')));
  console.log(`after the first was drained: ${[...new Set(responses)].join()}`);

  await second.ad.close();
  second.server.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> [ 'first 2.1.0', 'second 2.1.0' ]
//=> after the first was drained: second
