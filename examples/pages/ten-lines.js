/** The ten lines of README.md: a service registers itself, and a program calls it by name. */
import { startServer } from 'binding-clerk/server';

import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';
import { advertise } from 'binding-clerk/service';

export async function main() {
  const registry = await startServer({ port: 0 }); // in place of: npx clerk serve
  process.env.CLERK_REGISTRY = registry.url;

  const server = createServer((request, response) => response.end(`order ${request.url}`));
  const ad = await advertise({ name: '/shop/orders', address: server.listen(0, '127.0.0.1') });

  const clerk = createClerk(); // usually in another program
  const orders = clerk.bind('/shop/orders');
  console.log(await orders.text('/7'));
  console.log((await clerk.fetch('http://orders.shop.clerk/8')).status); // the name backwards, on plain fetch

  delete process.env.CLERK_REGISTRY;
  await clerk.close();
  await ad.close();
  server.close();
  await registry.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> order /7
//=> 200
