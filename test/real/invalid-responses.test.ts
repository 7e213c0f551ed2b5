/** A response that undici's parser refuses is a response: one error, no retry, and the endpoint stays in use. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { authority } from './certificates.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { probeUserAgent, rawPeer } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';
const inHead = {
  'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ',
  'a length and chunks':
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'a space before a colon': 'HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}',
  'a head of 20 KB': `HTTP/1.1 200 OK\r\nx-long: ${'a'.repeat(20_000)}\r\ncontent-length: 2\r\n\r\n{}`,
  '100 without an Expect header': `HTTP/1.1 100 Continue\r\n\r\n${ok}`,
  '101 without an Upgrade header':
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'no HTTP at all': 'hello\r\n\r\n',
} as const;
const inBody = {
  '304 with a length': 'HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n',
  'a chunk without a size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
} as const;

/** A server that responds to a path with the text of that name, otherwise with `{}`. Returns address and paths. */
async function textServer(texts: Readonly<Record<string, string>>) {
  const paths: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      const request = bytes.toString('latin1');
      const path = decodeURIComponent(String(request.split(' ')[1])).slice(1);
      const isProbe = request.includes(probeUserAgent);
      if (!isProbe) paths.push(path);
      socket.write((isProbe ? undefined : texts[path]) ?? ok);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, paths };
}

/** Endpoints that respond so, a clerk, and what the clerk reported about them. */
async function setUp(texts: Readonly<Record<string, string>>) {
  const servers = await Promise.all([textServer(texts), textServer(texts)]);
  const caller = testClerk(
    servers.map(({ address }) => address),
    {},
    { attemptTimeoutMs: 5_000 },
  );
  const trouble: string[] = [];
  caller.clerk.on('ejected', ({ reason }) => trouble.push(`ejected: ${reason}`));
  caller.clerk.on('suspect', ({ reason }) => trouble.push(`suspect: ${reason}`));
  return { ...caller, trouble, paths: () => servers.flatMap(({ paths }) => paths) };
}

describe('before the body', () => {
  test.each(Object.keys(inHead))('%s: each call gets one error, the endpoint stays', async (what) => {
    const { orders, trouble, paths } = await setUp(inHead);
    for (const method of ['GET', 'PUT', 'POST'] as const) {
      const kind = method === 'PUT' ? { kind: 'idempotent' as const } : {};
      const error = await clerkErrorOf(orders.json(`/${encodeURIComponent(what)}`, { method, ...kind }));
      expect(error).toMatchObject({ code: 'RESPONSE_INVALID', execution: 'unknown' });
      expect(error.outcomes).toMatchObject([{ verdict: 'ignored', stage: 'sent' }]);
    }
    expect(await orders.json('/well')).toEqual({});
    expect(paths()).toEqual([what, what, what, 'well']);
    expect(trouble).toEqual([]);
  });
});

describe('in the body', () => {
  test.each(Object.keys(inBody))('%s: each call gets one error, the endpoint stays', async (what) => {
    const { orders, trouble, paths } = await setUp(inBody);
    const path = `/${encodeURIComponent(what)}`;
    expect(await clerkErrorOf(orders.text(path))).toMatchObject({
      code: 'RESPONSE_INVALID',
      execution: 'done',
    });
    const { body, statusCode } = await orders.request({ path });
    expect(await clerkErrorOf(body.text())).toMatchObject({ code: 'RESPONSE_INVALID', execution: 'done' });
    expect(statusCode).toBe(what.startsWith('304') ? 304 : 200);
    expect(paths()).toEqual([what, what]);
    expect(trouble).toEqual([]);
  });
});

test('half of the calls get invalid responses: the other half succeeds, and no endpoint is ejected', async () => {
  const { orders, trouble, paths } = await setUp(inHead);
  const calls = Array.from({ length: 100 }, (_, i) =>
    orders.json(i % 2 === 0 ? '/two%20lengths' : '/well').then(
      () => 'ok',
      (error: unknown) => (error as { code: string }).code,
    ),
  );
  const results = await Promise.all(calls);
  expect(results).toEqual(results.map((_, i) => (i % 2 === 0 ? 'RESPONSE_INVALID' : 'ok')));
  expect(paths()).toHaveLength(100);
  expect(trouble).toEqual([]);
});

test('a hedge gets an invalid response, then the first attempt is reset: one error, and no third request', async () => {
  const [silent, garbage, spare] = [
    await rawPeer('no-response'),
    await rawPeer('garbage'),
    await rawPeer('respond'),
  ];
  const { clerk, orders, outcomes } = testClerk(
    [silent, garbage, spare].map(({ address }) => address),
    {},
    { hedge: { afterMs: 20, budgetRatio: 1 }, attemptTimeoutMs: 5_000 },
  );
  clerk.on('attempt', ({ outcome }) => {
    if (outcome.code !== 'ECONNRESET') void silent.refuse();
  });

  const error = await clerkErrorOf(orders.json('/orders'));
  expect(error.code).toBe('RESPONSE_INVALID');
  expect(outcomes.map(({ stage, verdict }) => [stage, verdict])).toEqual([
    ['sent', 'ignored'],
    ['sent', 'failure'],
  ]);
  expect([silent, garbage, spare].map(({ executed }) => executed.length)).toEqual([1, 1, 0]);
});

/** An HTTP/2 frame. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const status200 = Buffer.of(0x88);
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
const headers = (stream: number, isLast: boolean, ...fields: Buffer[]): Buffer =>
  frame(1, isLast ? 5 : 4, stream, Buffer.concat(fields));

const h2Responses: Readonly<Record<string, (stream: number) => Buffer>> = {
  'a header in upper case': (stream) => headers(stream, true, status200, literal('Bad', 'x')),
  'no status': (stream) => headers(stream, true, literal('x-a', 'x')),
  'a connection header': (stream) => headers(stream, true, status200, literal('connection', 'close')),
  'less data than stated': (stream) =>
    Buffer.concat([
      headers(stream, false, status200, literal('content-length', '10')),
      frame(0, 1, stream, Buffer.from('hi')),
    ]),
};

test.each(Object.keys(h2Responses))('over HTTP/2, %s: one error, the endpoint stays', async (what) => {
  const ca = await authority('test');
  let streams = 0;
  const server = createTlsServer({ ...(await ca.issue('localhost')), ALPNProtocols: ['h2'] }, (socket) => {
    let unread = Buffer.alloc(0);
    let hasPreface = false;
    socket.on('error', () => undefined);
    socket.write(frame(4, 0, 0, Buffer.alloc(0)));
    socket.on('data', (bytes: Buffer) => {
      unread = Buffer.concat([unread, bytes]);
      if (!hasPreface && unread.length < 24) return;
      if (!hasPreface) unread = unread.subarray(24);
      hasPreface = true;
      while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
        const length = unread.readUIntBE(0, 3);
        const [type, flags, stream] = [unread.readUInt8(3), unread.readUInt8(4), unread.readUInt32BE(5)];
        const payload = unread.subarray(9, 9 + length);
        unread = unread.subarray(9 + length);
        if (type === 4 && (flags & 1) === 0) socket.write(frame(4, 1, 0, Buffer.alloc(0)));
        if (type === 6 && (flags & 1) === 0) socket.write(frame(6, 1, 0, payload));
        if (type !== 1) continue;
        streams++;
        socket.write(h2Responses[what]?.(stream) as Buffer);
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = `https://localhost:${String((server.address() as AddressInfo).port)}`;
  const { clerk, orders } = testClerk([address, address.replace('localhost', '127.0.0.1')], {
    tls: { ca: ca.cert },
    undici: { allowH2: true },
  });
  const trouble: unknown[] = [];
  clerk.on('ejected', (event) => trouble.push(event));
  clerk.on('suspect', (event) => trouble.push(event));

  expect((await clerkErrorOf(orders.text('/orders'))).code).toBe('RESPONSE_INVALID');
  expect((await clerkErrorOf(orders.text('/orders', { method: 'POST' }))).code).toBe('RESPONSE_INVALID');
  expect(streams).toBe(2);
  expect(trouble).toEqual([]);
});
