import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import type { RequestHandler } from '../../src/core/transport.js';
import { settleMicrotasks } from '../../src/runtime/settle-microtasks.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { ConnectionPool, type ConnectionPoolOptions } from '../../src/transport/connection-pool.js';
import { createConnector, createDial } from '../../src/transport/connector.js';
import { undici } from '../../src/transport/load-undici.js';
import { SharedOrigin } from '../../src/transport/shared-origin.js';
import { SocketLimit } from '../../src/transport/socket-limit.js';

const open = new Set<Server>();
afterEach(() => {
  for (const server of open) server.close().closeAllConnections();
  open.clear();
});

/** A server whose responses are sent on demand, and a pool for it. */
async function poolTo(more: Partial<ConnectionPoolOptions> = {}) {
  const waiting: { readonly path: string; readonly response: ServerResponse }[] = [];
  const arrived: string[] = [];
  let connections = 0;
  let onArrival = (): void => {};
  const server = createServer((request, response) => {
    arrived.push(String(request.url));
    if (request.url === '/now') response.end('hello');
    else waiting.push({ path: String(request.url), response });
    onArrival();
  });
  server.on('connection', () => connections++);
  open.add(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const dial = createDial(parseAddress(address), { connections: 0, maxSockets: 0, tls: {}, undici: {} });
  const origin = new SharedOrigin(address);
  const pool = new ConnectionPool({
    connections: 2,
    pipelining: 1,
    ttlMs: 0,
    clock: systemClock,
    sockets: new SocketLimit(1_000),
    origin,
    createClient: (listener) =>
      new (undici().Client)(origin, {
        pipelining: more.pipelining ?? 1,
        connect: createConnector(dial, listener),
      }),
    ...more,
  });
  return {
    pool: pool,
    arrived,
    connections: () => connections,
    waitForRequests: async (count: number) => {
      while (arrived.length < count) await new Promise<void>((resolve) => (onArrival = resolve));
    },
    respondNext: () => waiting.shift()?.response.end('hello'),
  };
}

/** Records the calls of a handler in order. */
function recordingHandler(): RequestHandler & { readonly events: string[] } {
  const events: string[] = [];
  return {
    events,
    onConnect: () => void events.push('connect'),
    onHeaders: () => true,
    onData: () => true,
    onComplete: () => void events.push('complete'),
    onUpgrade: () => undefined,
    onError: (error) => void events.push(error.message),
  };
}

/**
 * Sends a request; resolves with the last event of its handler. `counts`: the handler has the property
 * `hasFailed`.
 */
function send(
  pool: ConnectionPool,
  path: string,
  headers: Record<string, string> = {},
  counts = false,
): Promise<string> {
  return new Promise((resolve) => {
    const handler: Mutable<RequestHandler> = {
      ...(counts && { hasFailed: false }),
      onConnect: () => undefined,
      onHeaders: () => true,
      onData: () => true,
      onComplete: () => resolve(`${path} responded`),
      onUpgrade: () => undefined,
      onError: (error) => {
        if (counts) handler.hasFailed = true;
        resolve((error as NodeJS.ErrnoException).code ?? error.message);
      },
    };
    pool.dispatch({ path, method: 'GET', headers }, handler, 'http://orders.shop.clerk');
  });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Sends a request, then waits for the event-loop turn after which undici reuses the connection. */
async function sendAndSettle(pool: ConnectionPool): Promise<string> {
  const outcome = await send(pool, '/now');
  await settleMicrotasks();
  return outcome;
}

test.each([
  [1, true],
  [1, false],
  [4, true],
  [4, false],
])(
  'a request that undici rejects costs no connection (pipelining %d, handlers with hasFailed: %s)',
  async (pipelining, counts) => {
    const { pool } = await poolTo({ pipelining });
    const refuse = (): Promise<string> => send(pool, '/now', { 'a b': '1' }, counts);
    for (let i = 0; i < 10; i++) expect(await refuse()).toBe('UND_ERR_INVALID_ARG');
    expect(await send(pool, '/now', {}, counts)).toBe('/now responded');
    const [refused, ...responded] = await Promise.all([
      refuse(),
      ...Array.from({ length: 20 }, () => send(pool, '/now', {}, counts)),
    ]);
    expect(refused).toBe('UND_ERR_INVALID_ARG');
    expect(new Set(responded)).toEqual(new Set(['/now responded']));
    await pool.close();
  },
);

test('opens up to the maximum number of connections and queues further requests in order', async () => {
  const { pool, arrived, connections, waitForRequests, respondNext } = await poolTo();
  const responses = ['/1', '/2', '/3', '/4', '/5'].map((path) => send(pool, path));
  await waitForRequests(2);
  expect(arrived.toSorted()).toEqual(['/1', '/2']);
  for (const next of ['/3', '/4', '/5']) {
    respondNext();
    await waitForRequests(Number(next.slice(1)));
    expect(arrived.at(-1)).toBe(next);
  }
  respondNext();
  respondNext();
  expect(await Promise.all(responses)).toEqual(
    ['/1', '/2', '/3', '/4', '/5'].map((path) => `${path} responded`),
  );
  expect(connections()).toBe(2);
  await pool.close();
});

test('reuses one connection while one is enough', async () => {
  const { pool, connections } = await poolTo();
  for (let i = 0; i < 20; i++) await sendAndSettle(pool);
  expect(connections()).toBe(1);
  await pool.close();
});

test('queued requests are sent before the connections close', async () => {
  const { pool, waitForRequests, respondNext } = await poolTo({ connections: 1 });
  const responses = ['/1', '/2', '/3'].map((path) => send(pool, path));
  await waitForRequests(1);
  let closed = false;
  const closing = pool.close().then(() => (closed = true));
  for (const count of [2, 3]) {
    respondNext();
    await waitForRequests(count);
    expect(closed).toBe(false);
  }
  respondNext();
  expect(await Promise.all(responses)).toEqual(['/1 responded', '/2 responded', '/3 responded']);
  await closing;
});

test('destroy() fails requests in flight and in the queue, also while closing', async () => {
  const { pool, waitForRequests } = await poolTo({ connections: 1 });
  const responses = ['/1', '/2', '/3'].map((path) => send(pool, path));
  await waitForRequests(1);
  const closing = pool.close();
  await pool.destroy(Object.assign(new Error('over'), { code: 'OVER' }));
  expect(await Promise.all(responses)).toEqual(['OVER', 'OVER', 'OVER']);
  await closing;
});

test('a connection past its age gets no new request', async () => {
  let now = 1_000;
  const { pool, connections } = await poolTo({ ttlMs: 5_000, clock: { ...systemClock, now: () => now } });
  await sendAndSettle(pool);
  now += 5_000;
  await sendAndSettle(pool);
  expect(connections()).toBe(1);
  now += 1;
  expect(await sendAndSettle(pool)).toBe('/now responded');
  expect(connections()).toBe(2);
  await pool.close();
});

test('a cancelled request is not sent and its handler not called; the others keep their order', async () => {
  const { pool, arrived, waitForRequests, respondNext } = await poolTo({ connections: 1 });
  const first = send(pool, '/0');
  await waitForRequests(1);
  const waiting = Array.from({ length: 8 }, recordingHandler);
  waiting.forEach((handler, i) =>
    pool.dispatch({ path: `/${i + 1}`, method: 'GET' }, handler, 'http://orders.shop.clerk'),
  );

  for (const index of [3, 0, 7, 4]) expect(pool.cancel(waiting[index] as RequestHandler)).toBe(true);
  expect(pool.cancel(waiting[3] as RequestHandler)).toBe(false);
  const last = send(pool, '/9');
  for (let count = 2; count <= 6; count++) {
    respondNext();
    await waitForRequests(count);
  }
  respondNext();

  expect(await Promise.all([first, last])).toEqual(['/0 responded', '/9 responded']);
  expect(arrived).toEqual(['/0', '/2', '/3', '/6', '/7', '/9']);
  for (const [i, { events }] of waiting.entries())
    expect(events).toEqual([0, 3, 4, 7].includes(i) ? [] : ['connect', 'complete']);
  expect(pool.cancel(waiting[1] as RequestHandler)).toBe(false);
  await pool.close();
});

test('the queue may be emptied by cancelling while the pool closes or is destroyed', async () => {
  const { pool, waitForRequests, respondNext } = await poolTo({ connections: 1 });
  const sent = send(pool, '/0');
  await waitForRequests(1);
  const [alone, leaver, left] = [recordingHandler(), recordingHandler(), recordingHandler()];
  pool.dispatch({ path: '/1', method: 'GET' }, alone, 'http://orders.shop.clerk');
  const closing = pool.close();
  pool.cancel(alone);
  respondNext();
  expect(await sent).toBe('/0 responded');
  await closing;
  expect(alone.events).toEqual([]);

  const others = await poolTo({ connections: 1 });
  void send(others.pool, '/0');
  await others.waitForRequests(1);
  // The first failed handler cancels the other request.
  const both: RequestHandler = {
    ...leaver,
    onError: (error) => {
      leaver.events.push(error.message);
      others.pool.cancel(left);
    },
  };
  others.pool.dispatch({ path: '/1', method: 'GET' }, both, 'http://orders.shop.clerk');
  others.pool.dispatch({ path: '/2', method: 'GET' }, left, 'http://orders.shop.clerk');
  await others.pool.destroy(new Error('over'));
  expect([leaver.events, left.events]).toEqual([['over'], []]);
});

test.each(['close', 'destroy'] as const)(
  '%s includes an expired connection with a request in flight',
  async (how) => {
    let now = 1_000;
    const { pool, waitForRequests, respondNext } = await poolTo({
      pipelining: 2,
      ttlMs: 5_000,
      clock: { ...systemClock, now: () => now },
    });
    const old = send(pool, '/old');
    await waitForRequests(1);
    now += 5_001;
    expect(await send(pool, '/now')).toBe('/now responded');

    let ended = false;
    const ending = (how === 'close' ? pool.close() : pool.destroy(new Error('over'))).then(
      () => (ended = true),
    );
    if (how === 'close') {
      for (let i = 0; i < 5; i++) await settleMicrotasks();
      expect(ended).toBe(false);
      respondNext();
    }
    expect(await old).toBe(how === 'close' ? '/old responded' : 'over');
    await ending;
  },
);
