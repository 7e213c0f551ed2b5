/**
 * Failover: a server hangs, cuts connections or is gone, and another one answers. What may be sent twice is
 * not guessed: a POST whose answer was lost is reported, not repeated, unless the caller says that it may be.
 */
import { createClerk, isClerkError, type ClerkError, type RequestOptions } from 'binding-clerk';
import { serve, type Answer } from './lib/serve.js';

const [get, post] = [
  { path: '/orders/7', method: 'GET' },
  { path: '/orders', method: 'POST' },
];

export async function main(): Promise<void> {
  for (const fault of ['freeze', 'cut', 'stop'] as const) {
    for (const request of [get, post, { ...post, kind: 'idempotent' }] satisfies RequestOptions[]) {
      const [first, second] = [await serve('first'), await serve('second')];
      const standby = { ...second.endpoint, weight: 0 }; // called only if there is nobody else
      const clerk = createClerk({ registry: { '/shop/orders': [first.endpoint, standby] } });
      const orders = clerk.bind('/shop/orders', { timeoutMs: 1_000 });

      await orders.text('/orders/7'); // the first answers
      await first[fault]();
      const result = await orders.json<Answer>(request).catch((error: unknown) => error as ClerkError);
      const outcome = isClerkError(result)
        ? `${result.code} (${result.execution})`
        : `the ${result.server} answered`;
      console.log(`${fault}, ${request.kind ?? 'a'} ${request.method}: ${outcome}`);

      await clerk.close();
      await Promise.all([first.stop(), second.stop()]);
    }
  }
}

if (process.argv[1] === import.meta.filename) await main();
//=> freeze, a GET: the second answered
//=> freeze, a POST: DEADLINE_EXCEEDED (unknown)
//=> freeze, idempotent POST: the second answered
//=> cut, a GET: the second answered
//=> cut, a POST: OUTCOME_UNKNOWN (unknown)
//=> cut, idempotent POST: the second answered
//=> stop, a GET: the second answered
//=> stop, a POST: the second answered
//=> stop, idempotent POST: the second answered
