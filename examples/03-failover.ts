/**
 * Failover: a server hangs, cuts connections or is gone, and another one answers. What may be sent twice is
 * not guessed: a POST whose answer was lost is reported, not repeated, unless the caller says that it may be.
 */
import { createClerk, type ClerkError, type RequestOptions } from 'binding-clerk';
import { serve, type Server } from './lib/serve.js';

const faults: Record<string, (server: Server) => unknown> = {
  'it hangs': (server) => server.freeze(),
  'it cuts connections': (server) => server.cut(),
  'it is gone': (server) => server.stop(),
};

const requests: Record<string, RequestOptions> = {
  'GET': { path: '/orders/7' },
  'POST': { path: '/orders', method: 'POST' },
  'idempotent POST': { path: '/orders/7', method: 'POST', kind: 'idempotent' },
};

async function callAfter(strike: (server: Server) => unknown, request: RequestOptions): Promise<string> {
  const [first, second] = [await serve('first'), await serve('second')];
  const standby = { ...second.endpoint, weight: 0 }; // used only if there is nothing else
  await using clerk = createClerk({ registry: { '/shop/orders': [first.endpoint, standby] } });
  const orders = clerk.bind('/shop/orders', { timeoutMs: 1_000 });

  await orders.text('/'); // answered by the first
  await strike(first);
  return orders.request(request).then(
    async ({ body, endpoint }) => body.dump().then(() => `${endpoint.id} answered`),
    (error: ClerkError) => `${error.code}, executed: ${error.execution}`,
  );
}

export async function main(): Promise<void> {
  for (const [fault, strike] of Object.entries(faults)) {
    for (const [kind, request] of Object.entries(requests)) {
      console.log(`${fault}: ${kind}: ${await callAfter(strike, request)}`);
    }
  }
}

if (process.argv[1] === import.meta.filename) await main();
