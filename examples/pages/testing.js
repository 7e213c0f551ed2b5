/** The test with sockets of docs/testing.md. */
import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

export async function main() {
  const registry = await startServer({ port: 0 });
  const server = createServer((request, response) => response.end('an order')).listen(0, '127.0.0.1');
  const ad = await advertise({
    name: '/shop/orders',
    address: server,
    registry: registry.url,
    drainOnSignal: false,
  });
  const clerk = createClerk({ registry: registry.url });
  console.log(await clerk.bind('/shop/orders').text('/orders/7'));

  await clerk.close();
  await ad.close(); // before the server
  server.close();
  await registry.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> an order
