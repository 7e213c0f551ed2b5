/**
 * HTTP/2 connections whose peer hangs without closing them: no new request is sent on them.
 *
 * @see [C2.3](../../docs/guarantees.md#c2-3)
 */
import { createSecureServer, type Http2Session } from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { authority, type Authority, type Certificate } from './certificates.js';

let ca: Authority;
let identity: Certificate;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1');
});

/** Longer than the detection takes, in ms. */
const silentMs = 3_500;

/** A server behind a relay that can hold its traffic. A path such as `/1500` delays the response by that many ms. */
async function relayed() {
  const sessions = new Set<Http2Session>();
  const server = createSecureServer(identity);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  const paths: string[] = [];
  server.on('stream', (stream, headers) => {
    const path = headers[':path'] ?? '';
    stream.on('error', () => undefined);
    if (headers[':method'] === 'OPTIONS') {
      stream.respond({ ':status': 204 }, { endStream: true });
      return;
    }
    paths.push(path);
    const respond = (): void => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200 });
      stream.end('{"ok":true}');
    };
    stream.resume().once('end', () => setTimeout(respond, Number(path.slice(1))));
  });
  await listening(server);
  const pairs: Socket[][] = [];
  let bytesPerSecond = Infinity;
  const trickle = async (piece: Buffer, from: Socket, to: Socket): Promise<void> => {
    from.pause();
    const step = Math.ceil(bytesPerSecond / 20);
    for (let at = 0; at < piece.length && !to.destroyed; at += step) {
      to.write(piece.subarray(at, at + step));
      await sleep(50);
    }
    from.resume();
  };
  const relay = createServer((near) => {
    const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
    pairs.push([near, far]);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (piece) => {
        if (from === near && bytesPerSecond < Infinity) void trickle(piece, from, to);
        else to.write(piece);
      });
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    }
  });
  await listening(relay);
  onTestFinished(async () => {
    for (const socket of pairs.flat()) socket.destroy();
    for (const session of sessions) session.destroy();
    await Promise.all([server, relay].map((one) => new Promise((resolve) => one.close(resolve))));
  });
  return {
    address: `https://127.0.0.1:${String((relay.address() as AddressInfo).port)}`,
    paths,
    connections: () => pairs.length,
    /** Holds the traffic of the current connections, in both directions. */
    hold: () => pairs.flat().forEach((socket) => socket.pause()),
    /** Limits the bandwidth towards the server from now on, not the way back. */
    slowDown: (to: number) => void (bytesPerSecond = to),
    letGo: () => pairs.flat().forEach((socket) => socket.resume()),
  };
}

async function listening(server: Pick<Server, 'listen'>): Promise<void> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
}

const overH2 = () => ({ tls: { ca: ca.cert }, undici: { allowH2: true } });

test('a connection that hung while idle is not used again', async () => {
  const peer = await relayed();
  const { orders } = testClerk([peer.address], overH2());
  await orders.json('/0');
  expect(peer.connections()).toBe(1);

  peer.hold();
  await sleep(silentMs);

  expect(await orders.json('/0', { timeoutMs: 2_000 })).toEqual({ ok: true });
  expect(peer.connections()).toBe(2);
});

test('a once call keeps its whole deadline on a hung connection', async () => {
  const peer = await relayed();
  const { orders } = testClerk([peer.address], overH2());
  const post = { method: 'POST', body: 'one pizza' };
  await orders.json('/0', post);

  const slow = orders.json('/200', post);
  await expect.poll(() => peer.paths).toContain('/200');
  peer.hold();
  await sleep(silentMs);
  expect(await orders.json('/1', { ...post, timeoutMs: 2_000 })).toEqual({ ok: true });
  peer.letGo();

  expect(await slow).toEqual({ ok: true });
  expect(peer.paths).toEqual(['/0', '/200', '/1']);
});

/** A late attempt lets later calls use new connections, which the peer counts. Here no attempt is late. */
const neverLate = { attemptTimeoutMs: 30_000 };

test('a connection with a slow response is not considered hung', async () => {
  const peer = await relayed();
  const { orders } = testClerk([peer.address], overH2(), neverLate);

  await orders.json(`/${2 * silentMs}`);
  await orders.json('/0');

  expect(peer.connections()).toBe(1);
});

test('a connection with a long upload over a slow link is not considered hung', async () => {
  const peer = await relayed();
  const { orders } = testClerk([peer.address], overH2(), neverLate);
  await orders.json('/0');
  await sleep(20);
  peer.slowDown(11_000);
  const startedAt = Date.now();

  // The initial HTTP/2 window, and every PING behind it, takes six seconds.
  const body = Buffer.alloc(90_000);
  await orders.json('/0', { method: 'PUT', kind: 'idempotent', body, timeoutMs: 25_000 });

  expect(Date.now() - startedAt).toBeGreaterThan(6_000);
  await sleep(20);
  await orders.json('/0');
  expect(peer.connections()).toBe(1);
});

test('undici options with the value undefined are ignored', async () => {
  const peer = await relayed();
  const undici = { allowH2: true, pingInterval: undefined, headersTimeout: undefined };
  const { orders } = testClerk([peer.address], { ...overH2(), undici });
  for (let i = 0; i < 10; i++) {
    await orders.json('/0');
    await sleep(20);
  }
  expect(peer.connections()).toBe(1);

  peer.hold();
  await sleep(silentMs);

  expect(await orders.json('/0', { timeoutMs: 2_000 })).toEqual({ ok: true });
  expect(peer.connections()).toBe(2);
});

test.each([0, null])('with a pingInterval of %s a hung connection is not detected', async (pingInterval) => {
  const peer = await relayed();
  const { orders } = testClerk(
    [peer.address],
    { ...overH2(), undici: { allowH2: true, pingInterval } },
    neverLate,
  );
  for (let i = 0; i < 5; i++) {
    await orders.json('/0');
    await sleep(20);
  }

  await orders.json(`/${silentMs}`);
  await orders.json('/0');

  expect(peer.connections()).toBe(1);
});
