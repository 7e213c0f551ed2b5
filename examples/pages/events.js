/** The counters of docs/operations.md: attempts by service and result. */
import { createClerk } from 'binding-clerk';
import { serve } from '../lib/serve.js';

export async function main() {
  const [a, b] = [await serve('a'), await serve('b')];
  const clerk = createClerk({ registry: { '/shop/orders': [a.endpoint, b.endpoint] } });

  const attempts = new Map();
  clerk.on('attempt', ({ name, outcome }) => {
    const key = `${name} ${outcome.code}`;
    attempts.set(key, (attempts.get(key) ?? 0) + 1);
  });
  clerk.on('ejected', ({ name, endpoint, reason }) => console.log(`${name}: ${endpoint} ejected, ${reason}`));

  await a.stop();
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  for (let i = 0; i < 10; i++) await orders.text('/orders/7');
  console.log(attempts.get('/shop/orders 200'));

  await clerk.close();
  await b.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> /shop/orders: a ejected, refused
//=> 10
