/** Makes a call that fails, and does not catch the error, so Node prints the error with its stack. */
import { createClerk } from 'binding-clerk';

const [, , address = ''] = process.argv;
const clerk = createClerk({ registry: { '/shop/orders': address } });

async function orderPizza(): Promise<unknown> {
  return clerk.bind('/shop/orders', { timeoutMs: 500 }).json('/orders/7');
}

await orderPizza();
