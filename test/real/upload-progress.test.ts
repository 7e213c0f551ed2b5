/** An endpoint that takes the bytes of an upload is not silent, and an attempt is not late while bytes move. */
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Clerk } from 'binding-clerk';
import { authority, type Authority, type Certificate } from './certificates.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { probeUserAgent } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

const megabyte = 1024 * 1024;
const bodyBytes = 24 * megabyte;

let ca: Authority;
let identity: Certificate;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1');
});

/** How a server reads: a megabyte, then nothing for a time. From `stopsAfter` bytes on, it reads nothing any more. */
interface Reader {
  pauseMs: number;
  readonly stopsAfter: number;
  /** Whether probes get a response. */
  readonly answersProbes: boolean;
}

type Protocol = 'http/1.1' | 'http/1.1 over TLS' | 'HTTP/2';

/** A server that reads request bodies in portions. */
async function portionReader(protocol: Protocol, reader: Reader) {
  const seen = { requests: 0, uploadMs: 0 };
  const handle = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    if (request.headers['user-agent'] === probeUserAgent) {
      if (reader.answersProbes) response.end();
      return;
    }
    if (request.url === '/warm-up') {
      response.end();
      return;
    }
    seen.requests++;
    const startedAt = performance.now();
    let received = 0;
    let portion = 0;
    request.on('error', () => undefined);
    request.on('data', (bytes: Buffer) => {
      received += bytes.length;
      portion += bytes.length;
      if (portion < megabyte) return;
      portion = 0;
      request.pause();
      if (received < reader.stopsAfter) setTimeout(() => request.resume(), reader.pauseMs);
    });
    request.on('end', () => {
      seen.uploadMs = performance.now() - startedAt;
      response.end(`{"received":${String(received)}}`);
    });
  };
  const listener = handle as unknown as RequestListener;
  const server =
    protocol === 'HTTP/2'
      ? createSecureServer(identity, handle)
      : protocol === 'http/1.1'
        ? createHttpServer(listener)
        : createTlsServer(identity, listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const scheme = protocol === 'http/1.1' ? 'http' : 'https';
  return { address: `${scheme}://127.0.0.1:${String((server.address() as AddressInfo).port)}`, seen };
}

const steady: Reader = { pauseMs: 0, stopsAfter: Infinity, answersProbes: true };

/** Returns a binding whose connection to the first server is established. */
async function setUp(addresses: readonly string[], protocol: Protocol) {
  const { clerk, orders } = testClerk(
    addresses,
    { tls: { ca: ca.cert }, undici: { allowH2: protocol === 'HTTP/2' } },
    { attemptTimeoutMs: 50, timeoutMs: 20_000 },
  );
  await orders.text('/warm-up', { attemptTimeoutMs: 20_000 });
  const outcomes: string[] = [];
  clerk.on('attempt', ({ outcome }) => outcomes.push(outcome.code));
  return { orders, outcomes, trouble: troubleOf(clerk) };
}

function troubleOf(clerk: Clerk): readonly string[] {
  const trouble: string[] = [];
  clerk.on('suspect', ({ endpoint, reason }) => trouble.push(`suspect ${endpoint}: ${reason}`));
  clerk.on('ejected', ({ endpoint, reason }) => trouble.push(`ejected ${endpoint}: ${reason}`));
  return trouble;
}

describe.each(['http/1.1', 'http/1.1 over TLS', 'HTTP/2'] as const)('over %s', (protocol) => {
  test('an upload to a server that reads slowly runs once, and its endpoint stays trusted', async () => {
    const slow = await portionReader(protocol, { ...steady, pauseMs: 100 });
    const other = await portionReader(protocol, steady);
    const { orders, outcomes, trouble } = await setUp([slow.address, other.address], protocol);

    const reply = await orders.json('/', {
      method: 'PUT',
      kind: 'idempotent',
      body: Buffer.alloc(bodyBytes),
    });

    expect(reply).toEqual({ received: bodyBytes });
    expect(slow.seen.uploadMs).toBeGreaterThan(1_000);
    expect([slow.seen.requests, other.seen.requests]).toEqual([1, 0]);
    expect(outcomes).toEqual(['200']);
    expect(trouble).toEqual([]);
  });

  test('a server that stops reading is found silent, and the call moves', async () => {
    const stuck = await portionReader(protocol, { ...steady, stopsAfter: megabyte, answersProbes: false });
    const other = await portionReader(protocol, steady);
    const { orders, trouble } = await setUp([stuck.address, other.address], protocol);

    const reply = await orders.json('/', {
      method: 'PUT',
      kind: 'idempotent',
      body: Buffer.alloc(bodyBytes),
    });

    expect(reply).toEqual({ received: bodyBytes });
    expect([stuck.seen.requests, other.seen.requests]).toEqual([1, 1]);
    expect(trouble[0]).toBe(`suspect ${stuck.address}: timeout`);
  });

  test('without another endpoint, the call ends by its deadline', async () => {
    const stuck = await portionReader(protocol, { ...steady, stopsAfter: megabyte, answersProbes: false });
    const { orders, trouble } = await setUp([stuck.address], protocol);

    const body = Buffer.alloc(bodyBytes);
    const error = await clerkErrorOf(
      orders.json('/', { method: 'PUT', kind: 'idempotent', body, timeoutMs: 1_500 }),
    );

    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
    expect(stuck.seen.requests).toBe(1);
    expect(trouble).toEqual([`suspect ${stuck.address}: timeout`]);
  });
});
