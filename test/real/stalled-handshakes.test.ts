/** A server that accepts connections but never finishes the TLS handshake holds close() no longer than a call. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

test.each(['an abort', 'a deadline', 'an answer of another endpoint'])(
  'after %s close() does not wait for a TLS handshake that stalls',
  async (end) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const other = await webServer((_request, response) => response.end('{}'));
    const stalled = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const { clerk, orders } = testClerk(
      end === 'an answer of another endpoint' ? [stalled, other.address] : [stalled],
      { undici: { connectTimeout: 60_000 } },
    );
    const limit = end === 'an abort' ? { signal: AbortSignal.timeout(100) } : { timeoutMs: 2_000 };
    await orders.json('/', limit).catch(() => undefined);
    expect(sockets.size).toBeGreaterThan(0);

    const startedAt = performance.now();
    await clerk.close();

    expect(performance.now() - startedAt).toBeLessThan(5_000);
  },
);
