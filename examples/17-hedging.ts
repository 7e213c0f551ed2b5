/**
 * Hedging: a late safe or idempotent call is sent to a second endpoint too, within a budget. The first response wins.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk, type Binding } from 'binding-clerk';

export async function main(): Promise<void> {
  let requests = 0; // at both servers; every twentieth response takes a second
  const servers = Array.from({ length: 2 }, () =>
    createServer((_request, response) => {
      const delayMs = ++requests % 20 === 0 ? 1_000 : 0;
      setTimeout(() => response.end(delayMs > 0 ? 'slow' : 'fast'), delayMs);
    }),
  );
  for (const server of servers) await new Promise<void>((up) => void server.listen(0, '127.0.0.1', up));
  const addresses = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await using clerk = createClerk({ registry: { '/shop/orders': addresses } });

  const slowCalls = async (orders: Binding): Promise<number> => {
    const responses = Array.from({ length: 200 }, async (_, i) => {
      await sleep(i * 5);
      return orders.text('/orders/7');
    });
    return (await Promise.all(responses)).filter((text) => text === 'slow').length;
  };
  const options = { attemptTimeoutMs: 5_000 }; // otherwise a second attempt would join the slow ones
  const before = await slowCalls(clerk.bind('/shop/orders', options));
  requests = 0;
  const after = await slowCalls(clerk.bind('/shop/orders', { ...options, hedge: { afterMs: 50 } }));
  console.log(`without hedging, some calls are slow: ${before > 5}`);
  console.log(`hedged, less than half as many: ${after < before / 2}; few more requests: ${requests <= 222}`);
  for (const server of servers) server.close().closeAllConnections();
}

if (process.argv[1] === import.meta.filename) await main();
//=> without hedging, some calls are slow: true
//=> hedged, less than half as many: true; few more requests: true
