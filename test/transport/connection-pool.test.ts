import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { RequestHandler } from '../../src/core/transport.js';
import { settleMicrotasks } from '../../src/runtime/settle-microtasks.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { ConnectionPool, type ConnectionPoolOptions } from '../../src/transport/connection-pool.js';
import { undici } from '../../src/transport/load-undici.js';

const open = new Set<Server>();
afterEach(() => {
  for (const server of open) server.close().closeAllConnections();
  open.clear();
});

/** A server that answers when it is told to, and lanes to it. */
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
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const pool = new ConnectionPool({
    connections: 2,
    pipelining: 1,
    ttlMs: 0,
    clock: systemClock,
    createClient: () => new (undici().Client)(origin, { pipelining: more.pipelining ?? 1 }),
    ...more,
  });
  return {
    lanes: pool,
    arrived,
    connections: () => connections,
    waitForRequests: async (count: number) => {
      while (arrived.length < count) await new Promise<void>((resolve) => (onArrival = resolve));
    },
    respondNext: () => waiting.shift()?.response.end('hello'),
  };
}

/** What a handler has heard, in order. */
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

/** Sends a request; resolves with what its handler heard last. `counts`: the handler knows whether it has failed. */
function send(
  lanes: ConnectionPool,
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
      onComplete: () => resolve(`${path} answered`),
      onUpgrade: () => undefined,
      onError: (error) => {
        if (counts) handler.hasFailed = true;
        resolve((error as NodeJS.ErrnoException).code ?? error.message);
      },
    };
    lanes.dispatch({ path, method: 'GET', headers }, handler);
  });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The same, and then the turn of the event loop that undici waits before it uses a connection again. */
async function sendAndSettle(lanes: ConnectionPool): Promise<string> {
  const heard = await send(lanes, '/now');
  await settleMicrotasks();
  return heard;
}

test.each([
  [1, true],
  [1, false],
  [4, true],
  [4, false],
])('what undici refuses costs no connection (%d on one, handlers count: %s)', async (pipelining, counts) => {
  const { lanes } = await poolTo({ pipelining });
  const refuse = (): Promise<string> => send(lanes, '/now', { 'a b': '1' }, counts);
  for (let i = 0; i < 10; i++) expect(await refuse()).toBe('UND_ERR_INVALID_ARG');
  expect(await send(lanes, '/now', {}, counts)).toBe('/now answered');
  const [refused, ...answered] = await Promise.all([
    refuse(),
    ...Array.from({ length: 20 }, () => send(lanes, '/now', {}, counts)),
  ]);
  expect(refused).toBe('UND_ERR_INVALID_ARG');
  expect(new Set(answered)).toEqual(new Set(['/now answered']));
  await lanes.close();
});

test('as many connections as are allowed; what finds none free waits its turn', async () => {
  const { lanes, arrived, connections, waitForRequests, respondNext } = await poolTo();
  const answers = ['/1', '/2', '/3', '/4', '/5'].map((path) => send(lanes, path));
  await waitForRequests(2);
  expect(arrived.toSorted()).toEqual(['/1', '/2']);
  for (const next of ['/3', '/4', '/5']) {
    respondNext();
    await waitForRequests(Number(next.slice(1)));
    expect(arrived.at(-1)).toBe(next);
  }
  respondNext();
  respondNext();
  expect(await Promise.all(answers)).toEqual(
    ['/1', '/2', '/3', '/4', '/5'].map((path) => `${path} answered`),
  );
  expect(connections()).toBe(2);
  await lanes.close();
});

test('one connection is used again and again while one is enough', async () => {
  const { lanes, connections } = await poolTo();
  for (let i = 0; i < 20; i++) await sendAndSettle(lanes);
  expect(connections()).toBe(1);
  await lanes.close();
});

test('what waits is sent before the connections close', async () => {
  const { lanes, waitForRequests, respondNext } = await poolTo({ connections: 1 });
  const answers = ['/1', '/2', '/3'].map((path) => send(lanes, path));
  await waitForRequests(1);
  let closed = false;
  const closing = lanes.close().then(() => (closed = true));
  for (const count of [2, 3]) {
    respondNext();
    await waitForRequests(count);
    expect(closed).toBe(false);
  }
  respondNext();
  expect(await Promise.all(answers)).toEqual(['/1 answered', '/2 answered', '/3 answered']);
  await closing;
});

test('destroying fails what is under way and what waits, also while closing', async () => {
  const { lanes, waitForRequests } = await poolTo({ connections: 1 });
  const answers = ['/1', '/2', '/3'].map((path) => send(lanes, path));
  await waitForRequests(1);
  const closing = lanes.close();
  await lanes.destroy(Object.assign(new Error('over'), { code: 'OVER' }));
  expect(await Promise.all(answers)).toEqual(['OVER', 'OVER', 'OVER']);
  await closing;
});

test('a connection that is old enough gets nothing new', async () => {
  let now = 1_000;
  const { lanes, connections } = await poolTo({ ttlMs: 5_000, clock: { ...systemClock, now: () => now } });
  await sendAndSettle(lanes);
  now += 5_000;
  await sendAndSettle(lanes);
  expect(connections()).toBe(1);
  now += 1;
  expect(await sendAndSettle(lanes)).toBe('/now answered');
  expect(connections()).toBe(2);
  await lanes.close();
});

test('who leaves the line is not sent and hears nothing; the others keep their order', async () => {
  const { lanes, arrived, waitForRequests, respondNext } = await poolTo({ connections: 1 });
  const first = send(lanes, '/0');
  await waitForRequests(1);
  const waiting = Array.from({ length: 8 }, recordingHandler);
  waiting.forEach((handler, i) => lanes.dispatch({ path: `/${i + 1}`, method: 'GET' }, handler));

  for (const gone of [3, 0, 7, 4]) expect(lanes.cancel(waiting[gone] as RequestHandler)).toBe(true);
  expect(lanes.cancel(waiting[3] as RequestHandler)).toBe(false);
  const last = send(lanes, '/9');
  for (let count = 2; count <= 6; count++) {
    respondNext();
    await waitForRequests(count);
  }
  respondNext();

  expect(await Promise.all([first, last])).toEqual(['/0 answered', '/9 answered']);
  expect(arrived).toEqual(['/0', '/2', '/3', '/6', '/7', '/9']);
  for (const [i, { events }] of waiting.entries())
    expect(events).toEqual([0, 3, 4, 7].includes(i) ? [] : ['connect', 'complete']);
  expect(lanes.cancel(waiting[1] as RequestHandler)).toBe(false);
  await lanes.close();
});

test('the line may be left empty while its connections close or are destroyed', async () => {
  const { lanes, waitForRequests, respondNext } = await poolTo({ connections: 1 });
  const sent = send(lanes, '/0');
  await waitForRequests(1);
  const [alone, leaver, left] = [recordingHandler(), recordingHandler(), recordingHandler()];
  lanes.dispatch({ path: '/1', method: 'GET' }, alone);
  const closing = lanes.close();
  lanes.cancel(alone);
  respondNext();
  expect(await sent).toBe('/0 answered');
  await closing;
  expect(alone.events).toEqual([]);

  const others = await poolTo({ connections: 1 });
  void send(others.lanes, '/0');
  await others.waitForRequests(1);
  // The first that is failed gives the other one up.
  const both: RequestHandler = {
    ...leaver,
    onError: (error) => {
      leaver.events.push(error.message);
      others.lanes.cancel(left);
    },
  };
  others.lanes.dispatch({ path: '/1', method: 'GET' }, both);
  others.lanes.dispatch({ path: '/2', method: 'GET' }, left);
  await others.lanes.destroy(new Error('over'));
  expect([leaver.events, left.events]).toEqual([['over'], []]);
});

test.each(['close', 'destroy'] as const)(
  '%s includes a connection that aged with work on it',
  async (how) => {
    let now = 1_000;
    const { lanes, waitForRequests, respondNext } = await poolTo({
      pipelining: 2,
      ttlMs: 5_000,
      clock: { ...systemClock, now: () => now },
    });
    const old = send(lanes, '/old');
    await waitForRequests(1);
    now += 5_001;
    expect(await send(lanes, '/now')).toBe('/now answered');

    let ended = false;
    const ending = (how === 'close' ? lanes.close() : lanes.destroy(new Error('over'))).then(
      () => (ended = true),
    );
    if (how === 'close') {
      for (let i = 0; i < 5; i++) await settleMicrotasks();
      expect(ended).toBe(false);
      respondNext();
    }
    expect(await old).toBe(how === 'close' ? '/old answered' : 'over');
    await ending;
  },
);
