/** The ways to call of docs/options.md. */
import { createClerk } from 'binding-clerk';
import { serve } from '../lib/serve.js';

export async function main() {
  const server = await serve('a');
  const clerk = createClerk({ registry: { '/shop/orders': { ...server.endpoint, version: '2.1.0' } } });

  const orders = clerk.bind('/shop/orders', { version: '^2.1', timeoutMs: 2_000 });

  const { statusCode, body, endpoint, attempts } = await orders.request({ path: '/orders/7' }); // like undici
  console.log(statusCode, endpoint.id, attempts, (await body.json()).request);
  const order = await orders.json('/orders/8'); // also text and bytes; throws from status 400 on
  const response = await clerk.fetch('http://orders.shop.clerk/orders/9'); // the host is the name read backwards
  const builtIn = await fetch('http://orders.shop.clerk/orders/10', { dispatcher: clerk.dispatcher });
  const prefix = await clerk.request('/shop/orders/orders/11'); // the longest prefix that is a service is called
  console.log(order.request, response.status, builtIn.status, prefix.statusCode);

  const all = await orders.gather({ path: '/stats' }); // each endpoint: { ok, endpoint, response } or { ok, error }
  const acquired = await orders.acquire(); // only the choice
  acquired.release('success'); // or 'failure', or 'ignored'
  console.log(all.length, acquired.endpoint.id);

  for (const each of [response, builtIn, prefix, all[0].response]) await (each.body?.dump?.() ?? each.text());
  await clerk.close();
  await server.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> 200 a 1 GET /orders/7
//=> GET /orders/8 200 200 200
//=> 1 a
