/**
 * Servers that close an HTTP/2 connection after a few PING frames, as gRPC servers do: a clerk must not fail more
 * calls there than a plain client.
 *
 * @see [decision 101](../../docs/decisions/101-pings-of-silent-connections.md)
 */
import { constants, createSecureServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { authority } from './certificates.js';
import { testClerk } from './test-clerk.js';

const pingMs = 100;

/** A server that allows two pings per connection, and a binding that calls it. */
async function calmServer() {
  const ca = await authority('Our own');
  const server = createSecureServer(await ca.issue('127.0.0.1'));
  const sessions = new Set<Http2Session>();
  const pingsBySession: number[] = [];
  server.on('session', (session) => {
    sessions.add(session.on('close', () => sessions.delete(session)).on('error', () => undefined));
    const index = pingsBySession.push(0) - 1;
    session.on('ping', () => {
      if (++pingsBySession[index]! <= 2) return;
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
      setImmediate(() => session.destroy());
    });
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.end('{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { orders, outcomes, clerk } = testClerk(
    [`https://127.0.0.1:${(server.address() as AddressInfo).port}`],
    {
      tls: { ca: ca.cert },
      undici: { allowH2: true, pingInterval: pingMs },
    },
  );
  const events: string[] = [];
  for (const event of ['ejected', 'suspect'] as const) clerk.on(event, () => events.push(event));
  return { orders, outcomes, pingsBySession, events, sessions };
}

test('a connection that carries calls gets no ping', async () => {
  const { orders, pingsBySession, outcomes } = await calmServer();
  for (let i = 0; i < 40; i++) {
    await orders.json('/', { method: i % 2 === 0 ? 'GET' : 'POST', kind: 'safe' });
    await sleep(pingMs / 10);
  }
  expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set(['200']));
  expect(pingsBySession).toEqual([0]);
});

test('an endpoint that refused pings of an idle connection gets no more pings, and no call fails', async () => {
  const { orders, pingsBySession, events, sessions, outcomes } = await calmServer();
  await orders.json('/');
  await vi.waitFor(() => expect(pingsBySession).toEqual([3]));
  await vi.waitFor(() => expect(sessions.size).toBe(0));

  for (let i = 0; i < 3; i++) {
    await orders.json('/');
    await sleep(4 * pingMs);
  }

  expect(pingsBySession).toEqual([3, 0]);
  expect(outcomes.map(({ code }) => code)).toEqual(['200', '200', '200', '200']);
  expect(events).toEqual([]);
});
