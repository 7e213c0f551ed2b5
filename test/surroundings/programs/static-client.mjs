/** Calls a service at a static address, by a binding and by `fetch`. Contains no part of the server. */
import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';

const server = createServer((request, response) => response.end(JSON.stringify(request.url)));
server.listen(0, '127.0.0.1', () => void main());

async function main() {
  const clerk = createClerk({ registry: { '/shop/orders': `http://127.0.0.1:${server.address().port}` } });
  console.log(await clerk.bind('/shop/orders').json('/orders/7'));
  console.log(await (await clerk.fetch('http://orders.shop.clerk/orders/8')).json());
  await clerk.close();
  server.close();
}
