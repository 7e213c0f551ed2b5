/** A probe has a connection of its own: it waits for no call, and no call uses its connection. */
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { probeUserAgent } from './raw-peer.js';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

test('with one connection per endpoint, which a late call holds, the endpoint is probed on another connection', async () => {
  const byConnection = new Map<Socket, string[]>();
  const server = createServer((request, response) => {
    const seen = byConnection.get(request.socket) ?? [];
    byConnection.set(request.socket, seen);
    const isProbe = request.headers['user-agent'] === probeUserAgent;
    seen.push(isProbe ? 'probe' : String(request.url));
    if (request.url !== '/slow') response.end('{}');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const other = await webServer((_request, response) => response.end('{}'));
  const { clerk, orders } = testClerk(
    [address, other.address],
    { connections: 1 },
    { attemptTimeoutMs: 100 },
  );
  const ejected: string[] = [];
  clerk.on('ejected', ({ endpoint }) => ejected.push(endpoint));
  await orders.json('/first');

  expect(await orders.json('/slow')).toEqual({});
  const probed = (): boolean => [...byConnection.values()].some((seen) => seen.includes('probe'));
  await vi.waitFor(() => expect(probed()).toBe(true), 5_000);
  await vi.waitFor(() => expect(orders.explain().leftOut).toEqual([]), 5_000);
  for (let i = 0; i < 5; i++) await orders.json('/after');

  for (const seen of byConnection.values()) if (seen.includes('probe')) expect(seen).toEqual(['probe']);
  expect([...byConnection.values()].flat()).toContain('/after');
  expect(ejected).toEqual([]);
});
