/**
 * Failover: a server hangs, resets connections or is gone, and another one answers. A POST whose response was lost is
 * reported, not retried, unless the caller declares it idempotent.
 */
import { createClerk, type ClerkError, type RequestOptions } from 'binding-clerk';
import { serve, type Answer } from './lib/serve.js';

async function callAfter(fault: 'freeze' | 'cut' | 'stop', request: RequestOptions): Promise<string> {
  const [first, second] = [await serve('first'), await serve('second')];
  const standby = { ...second.endpoint, weight: 0 }; // used only if no other endpoint is left
  const clerk = createClerk({ registry: { '/shop/orders': [first.endpoint, standby] } });
  const orders = clerk.bind('/shop/orders', { timeoutMs: 1_000 });
  await orders.text('/orders/7'); // the first serves it
  await first[fault]();
  try {
    return (await orders.json<Answer>(request)).server;
  } catch (error) {
    return (error as ClerkError).code; // its `execution` says whether the call may have run
  } finally {
    await clerk.close();
    await Promise.all([first.stop(), second.stop()]);
  }
}

export async function main(): Promise<void> {
  for (const fault of ['freeze', 'cut', 'stop'] as const) {
    const get = await callAfter(fault, { path: '/orders/7' });
    const post = await callAfter(fault, { path: '/orders', method: 'POST' });
    const again = await callAfter(fault, { path: '/orders', method: 'POST', kind: 'idempotent' });
    console.log(`${fault}: GET → ${get}, POST → ${post}, idempotent POST → ${again}`);
  }
}

if (process.argv[1] === import.meta.filename) await main();
//=> freeze: GET → second, POST → DEADLINE_EXCEEDED, idempotent POST → second
//=> cut: GET → second, POST → OUTCOME_UNKNOWN, idempotent POST → second
//=> stop: GET → second, POST → second, idempotent POST → second
