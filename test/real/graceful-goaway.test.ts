/** HTTP/2 servers that close their sessions gracefully (GOAWAY with NO_ERROR) while calls are in flight. */
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { authority, type Authority } from './certificates.js';
import { probeUserAgent } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

/** A server that responds after 20 ms. */
async function gracefulServer(ca: Authority) {
  const server = createSecureServer(await ca.issue('localhost'));
  const sessions = new Set<ServerHttp2Session>();
  const executed: string[] = [];
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined).on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, { ':path': path, 'user-agent': agent }) => {
    stream.on('error', () => undefined);
    if (agent !== probeUserAgent) executed.push(String(path));
    stream.resume().on('end', () => {
      setTimeout(() => {
        if (stream.destroyed) return;
        stream.respond({ ':status': 200 });
        stream.end('{}');
      }, 20);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return {
    address: `https://localhost:${String((server.address() as AddressInfo).port)}`,
    executed,
    closeSessions: () => {
      for (const session of sessions) session.close();
    },
    /** Closes the sessions without a response to the requests in flight. */
    dropSessions: () => {
      for (const session of sessions) {
        session.goaway();
        setImmediate(() => session.destroy());
      }
    },
  };
}

async function setUp() {
  const ca = await authority('test');
  const servers = await Promise.all([gracefulServer(ca), gracefulServer(ca), gracefulServer(ca)]);
  const { clerk } = testClerk(
    servers.map(({ address }) => address),
    { tls: { ca: ca.cert }, undici: { allowH2: true } },
  );
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  const trouble: string[] = [];
  clerk.on('ejected', ({ reason }) => trouble.push(`ejected: ${reason}`));
  clerk.on('suspect', ({ reason }) => trouble.push(`suspect: ${reason}`));
  await Promise.all(Array.from({ length: 12 }, (_, i) => orders.text(`/warm-up/${String(i)}`)));
  return { servers, orders, trouble, executed: () => servers.flatMap(({ executed }) => executed) };
}

test('no endpoint is ejected, and all repeatable calls succeed', async () => {
  const { servers, orders, trouble } = await setUp();
  for (let round = 0; round < 6; round++) {
    const calls = Array.from({ length: 15 }, (_, i) =>
      orders.text(
        `/${String(round)}/${String(i)}`,
        i % 3 === 0 ? { method: 'PUT', kind: 'idempotent', body: 'x' } : {},
      ),
    );
    await sleep(10);
    servers[round % servers.length]?.closeSessions();
    expect(await Promise.all(calls)).toEqual(calls.map(() => '{}'));
  }
  expect(trouble).toEqual([]);
});

test('every call that must run at most once succeeds, and none runs twice', async () => {
  const { servers, orders, trouble, executed } = await setUp();
  for (let round = 0; round < 6; round++) {
    const calls = Array.from({ length: 15 }, (_, i) =>
      orders.text(`/${String(round)}/${String(i)}`, { method: 'POST', body: 'x' }),
    );
    await sleep(10);
    servers[round % servers.length]?.closeSessions();
    expect(await Promise.all(calls)).toEqual(calls.map(() => '{}'));
  }
  const paths = executed();
  expect(new Set(paths).size).toBe(paths.length);
  expect(trouble).toEqual([]);
});

test('a server that drops its requests after the GOAWAY is not suspect, and repeatable calls succeed', async () => {
  const { servers, orders, trouble } = await setUp();
  for (let round = 0; round < 6; round++) {
    const calls = Array.from({ length: 15 }, (_, i) => orders.text(`/${String(round)}/${String(i)}`));
    await sleep(10);
    servers[round % servers.length]?.dropSessions();
    expect(await Promise.all(calls)).toEqual(calls.map(() => '{}'));
  }
  expect(trouble).toEqual([]);
});
