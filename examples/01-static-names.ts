/**
 * Static names: the program uses names, and one table maps them to addresses.
 * `json` (also `text` and `bytes`) reads the whole body and throws on a status of 400 or above. `request` returns any
 * status with a stream, and the number of attempts.
 */
import { createClerk } from 'binding-clerk';
import { serve, type Answer } from './lib/serve.js';

export async function main(): Promise<void> {
  const [a, b, stock] = [await serve('a'), await serve('b'), await serve('stock')];

  const clerk = createClerk({
    registry: {
      '/shop/orders': [a.address, b.address], // one service, two servers
      '/shop/stock': stock.address,
    },
  });

  const orders = clerk.bind('/shop/orders'); // no I/O yet
  const order = await orders.json<Answer>('/orders/7');
  console.log(`one of the two served ${order.request}`);

  const pens = { path: '/pens', method: 'POST', body: '{"add":3}' };
  const response = await clerk.bind('/shop/stock').request(pens);
  const { server, request } = (await response.body.json()) as Answer;
  console.log(`${server} answered ${request} with ${response.statusCode}, attempts: ${response.attempts}`);

  const names = await clerk.list('/shop/*');
  console.log(`the shop has ${names.map(({ name }) => name).join(' and ')}`);

  await clerk.close();
  await Promise.all([a.stop(), b.stop(), stock.stop()]);
}

if (process.argv[1] === import.meta.filename) await main();
//=> one of the two served GET /orders/7
//=> stock answered POST /pens with 200, attempts: 1
//=> the shop has /shop/orders and /shop/stock
