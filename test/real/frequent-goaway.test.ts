/** An HTTP/2 server that closes each session gracefully after 100 ms, as behind a proxy that limits their age. */
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { isClerkError } from 'binding-clerk';
import { authority } from './certificates.js';
import { probeUserAgent } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

/**
 * Starts a server that responds after 20 ms, and a clerk whose only endpoint it is. The server closes each session 100 ms
 * after the session opened, or all sessions every 100 ms.
 */
async function setUp(closed: 'each session' | 'all sessions') {
  const ca = await authority('test');
  const server = createSecureServer(await ca.issue('localhost'));
  const sessions = new Set<ServerHttp2Session>();
  const executions = new Map<string, number>();
  const goAways = { count: 0 };
  const close = (session: ServerHttp2Session): void => {
    if (session.destroyed) return;
    goAways.count++;
    session.close();
  };
  server.on('session', (session) => {
    sessions.add(session);
    if (closed === 'each session') setTimeout(() => close(session), 100);
    session.on('error', () => undefined).on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, { ':path': path = '', 'user-agent': agent }) => {
    stream.on('error', () => undefined).resume();
    if (agent !== probeUserAgent) executions.set(path, (executions.get(path) ?? 0) + 1);
    setTimeout(() => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200 });
      stream.end('{}');
    }, 20);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const closing = setInterval(() => {
    if (closed === 'all sessions') for (const session of sessions) close(session);
  }, 100);
  onTestFinished(() => {
    clearInterval(closing);
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { clerk, orders } = testClerk(
    [`https://localhost:${String((server.address() as AddressInfo).port)}`],
    { tls: { ca: ca.cert }, undici: { allowH2: true } },
  );
  const trouble: string[] = [];
  clerk.on('ejected', ({ reason }) => trouble.push(`ejected: ${reason}`));
  clerk.on('suspect', ({ reason }) => trouble.push(`suspect: ${reason}`));
  return { orders, trouble, executions, goAways };
}

/** Makes `count` calls, 16 at a time. Returns how many ended in each way. */
async function makeCalls(count: number, call: (index: number) => Promise<string>) {
  const results: Record<string, number> = {};
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const result = await call(next++).catch((error: unknown) =>
        isClerkError(error) ? `${error.code} ${error.execution}` : String(error),
      );
      results[result] = (results[result] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  return results;
}

test('no GET fails at a server that sends GOAWAY again and again', { timeout: 60_000 }, async () => {
  const { orders, trouble, goAways } = await setUp('each session');

  const results = await makeCalls(1_000, (i) => orders.text(`/${String(i)}`));

  expect(results).toEqual({ '{}': 1_000 });
  expect(trouble).toEqual([]);
  expect(goAways.count).toBeGreaterThan(10);
});

test('no call that must run at most once fails or runs twice', { timeout: 60_000 }, async () => {
  const { orders, trouble, executions } = await setUp('all sessions');

  const results = await makeCalls(400, (i) => orders.text(`/${String(i)}`, { method: 'POST', body: 'x' }));

  expect(results).toEqual({ '{}': 400 });
  expect([...executions.values()]).toEqual(Array.from({ length: 400 }, () => 1));
  expect(trouble).toEqual([]);
});
