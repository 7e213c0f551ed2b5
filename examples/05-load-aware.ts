/**
 * Load-aware choice: two endpoints are drawn at random. The call goes to the endpoint with the lower product of
 * latency and calls in flight. The clerk measures the latency itself, so a slow server gets few calls after its first
 * response.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { serve } from './lib/serve.js';

export async function main(): Promise<void> {
  const [a, b, slow] = [await serve('a'), await serve('b'), await serve('slow', { delayMs: 100 })];
  const clerk = createClerk({ registry: { '/shop/orders': [a.endpoint, b.endpoint, slow.endpoint] } });
  const orders = clerk.bind('/shop/orders', { policy: 'load-aware' }); // the default does the same here

  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i++) {
    calls.push(orders.json(`/orders/${i}`));
    await sleep(2);
  }
  await Promise.all(calls);

  console.log(`${calls.length} calls were answered`);
  console.log(`both fast servers have a good share: ${a.answered > 20 && b.answered > 20}`);
  console.log(`the slow one got less than 5 %: ${slow.answered < 10}`);

  await clerk.close();
  await Promise.all([a.stop(), b.stop(), slow.stop()]);
}

if (process.argv[1] === import.meta.filename) await main();
//=> 200 calls were answered
//=> both fast servers have a good share: true
//=> the slow one got less than 5 %: true
