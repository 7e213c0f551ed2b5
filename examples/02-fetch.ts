/**
 * Fetch: the host is the name read backwards, followed by `.clerk`. Everything else about fetch is unchanged. Requests to
 * other hosts pass through.
 */
import { createClerk, isClerkError } from 'binding-clerk';
import { serve } from './lib/serve.js';

export async function main(): Promise<void> {
  const orders = await serve('orders');
  const clerk = createClerk({ registry: { '/shop/orders': orders.address } });

  // 1. The clerk's own fetch.
  const response = await clerk.fetch('http://orders.shop.clerk/orders/7');
  console.log(response.status, await response.text());

  // 2. Any other fetch, and any library that takes an undici dispatcher. (Node's types need the cast.)
  const { dispatcher } = clerk;
  const again = await fetch('http://orders.shop.clerk/orders/8', { dispatcher } as unknown as RequestInit);
  console.log(again.status, await again.text());

  // 3. Other hosts pass through.
  const plain = await clerk.fetch(`${orders.address}/health`);
  console.log(plain.status, await plain.text());

  // 4. Failures are the TypeError of fetch; its cause is the ClerkError.
  const error = await clerk.fetch('http://order.shop.clerk/').catch((error: unknown) => error as TypeError);
  if (error instanceof TypeError && isClerkError(error.cause)) console.log(error.message, error.cause.code);

  await clerk.close();
  await orders.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> 200 {"server":"orders","request":"GET /orders/7"}
//=> 200 {"server":"orders","request":"GET /orders/8"}
//=> 200 {"server":"orders","request":"GET /health"}
//=> fetch failed NAME_NOT_FOUND
