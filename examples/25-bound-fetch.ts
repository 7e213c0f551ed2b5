/**
 * Libraries that take a `fetch`, a base URL or a dispatcher: each gets the `fetch`, base URL or dispatcher of a
 * binding, with its version, policy and timeouts.
 */
import { request } from 'undici';
import { createClerk, isClerkError } from 'binding-clerk';
import { serve } from './lib/serve.js';

/** A typical SDK. It does not know about names. */
const ordersSdk = (options: { readonly baseURL: string; readonly fetch: typeof fetch }) => ({
  order: async (id: number) => (await options.fetch(`${options.baseURL}/orders/${id}`)).json(),
});

export async function main(): Promise<void> {
  const [first, second] = await Promise.all([serve('first'), serve('second')]);
  await using clerk = createClerk({ registry: { '/shop/orders': [first.address, second.address] } });
  const orders = clerk.bind('/shop/orders', { policy: ([one]) => one, timeoutMs: 2_000 });
  await first.stop();

  const { fetch } = orders;
  const sdk = ordersSdk({ baseURL: 'http://orders.shop.clerk', fetch });
  console.log(await sdk.order(7));

  const { body } = await request('http://orders.shop.clerk/orders/8', { dispatcher: orders.dispatcher });
  console.log(await body.json());

  const error = await fetch('http://bills.shop.clerk/').catch((thrown: unknown) => thrown);
  if (error instanceof TypeError && isClerkError(error.cause)) console.log(error.cause.code);
  await second.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> { server: 'second', request: 'GET /orders/7' }
//=> { server: 'second', request: 'GET /orders/8' }
//=> NAME_MISMATCH
