import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { WireHandler } from '../../src/core/transport.js';
import { settleMicrotasks } from '../../src/runtime/drain.js';
import { systemClock } from '../../src/runtime/system.js';
import { Lanes, type LanesOptions } from '../../src/transport/lanes.js';
import { undici } from '../../src/transport/undici.js';

const open = new Set<Server>();
afterEach(() => {
  for (const server of open) server.close().closeAllConnections();
  open.clear();
});

/** A server that answers when it is told to, and lanes to it. */
async function lanesTo(more: Partial<LanesOptions> = {}) {
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
  const lanes = new Lanes({
    connections: 2,
    pipelining: 1,
    ttlMs: 0,
    clock: systemClock,
    open: () => new (undici().Client)(origin, { pipelining: more.pipelining ?? 1 }),
    ...more,
  });
  return {
    lanes,
    arrived,
    connections: () => connections,
    hasRead: async (count: number) => {
      while (arrived.length < count) await new Promise<void>((resolve) => (onArrival = resolve));
    },
    answerNext: () => waiting.shift()?.response.end('hello'),
  };
}

/** What a handler has heard, in order. */
function listener(): WireHandler & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    onConnect: () => void heard.push('connect'),
    onHeaders: () => true,
    onData: () => true,
    onComplete: () => void heard.push('complete'),
    onUpgrade: () => undefined,
    onError: (error) => void heard.push(error.message),
  };
}

/** Sends a request; resolves with what its handler heard last. `counts`: the handler knows whether it has failed. */
function ask(
  lanes: Lanes,
  path: string,
  headers: Record<string, string> = {},
  counts = false,
): Promise<string> {
  return new Promise((resolve) => {
    const handler: Mutable<WireHandler> = {
      ...(counts && { failed: false }),
      onConnect: () => undefined,
      onHeaders: () => true,
      onData: () => true,
      onComplete: () => resolve(`${path} answered`),
      onUpgrade: () => undefined,
      onError: (error) => {
        if (counts) handler.failed = true;
        resolve((error as NodeJS.ErrnoException).code ?? error.message);
      },
    };
    lanes.dispatch({ path, method: 'GET', headers }, handler);
  });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The same, and then the turn of the event loop that undici waits before it uses a connection again. */
async function askAlone(lanes: Lanes): Promise<string> {
  const heard = await ask(lanes, '/now');
  await settleMicrotasks();
  return heard;
}

test.each([
  [1, true],
  [1, false],
  [4, true],
  [4, false],
])('what undici refuses costs no connection (%d on one, handlers count: %s)', async (pipelining, counts) => {
  const { lanes } = await lanesTo({ pipelining });
  const refuse = (): Promise<string> => ask(lanes, '/now', { 'a b': '1' }, counts);
  for (let i = 0; i < 10; i++) expect(await refuse()).toBe('UND_ERR_INVALID_ARG');
  expect(await ask(lanes, '/now', {}, counts)).toBe('/now answered');
  const [refused, ...answered] = await Promise.all([
    refuse(),
    ...Array.from({ length: 20 }, () => ask(lanes, '/now', {}, counts)),
  ]);
  expect(refused).toBe('UND_ERR_INVALID_ARG');
  expect(new Set(answered)).toEqual(new Set(['/now answered']));
  await lanes.close();
});

test('as many connections as are allowed; what finds none free waits its turn', async () => {
  const { lanes, arrived, connections, hasRead, answerNext } = await lanesTo();
  const answers = ['/1', '/2', '/3', '/4', '/5'].map((path) => ask(lanes, path));
  await hasRead(2);
  expect(arrived.toSorted()).toEqual(['/1', '/2']);
  for (const next of ['/3', '/4', '/5']) {
    answerNext();
    await hasRead(Number(next.slice(1)));
    expect(arrived.at(-1)).toBe(next);
  }
  answerNext();
  answerNext();
  expect(await Promise.all(answers)).toEqual(
    ['/1', '/2', '/3', '/4', '/5'].map((path) => `${path} answered`),
  );
  expect(connections()).toBe(2);
  await lanes.close();
});

test('one connection is used again and again while one is enough', async () => {
  const { lanes, connections } = await lanesTo();
  for (let i = 0; i < 20; i++) await askAlone(lanes);
  expect(connections()).toBe(1);
  await lanes.close();
});

test('what waits is sent before the connections close', async () => {
  const { lanes, hasRead, answerNext } = await lanesTo({ connections: 1 });
  const answers = ['/1', '/2', '/3'].map((path) => ask(lanes, path));
  await hasRead(1);
  let closed = false;
  const closing = lanes.close().then(() => (closed = true));
  for (const count of [2, 3]) {
    answerNext();
    await hasRead(count);
    expect(closed).toBe(false);
  }
  answerNext();
  expect(await Promise.all(answers)).toEqual(['/1 answered', '/2 answered', '/3 answered']);
  await closing;
});

test('destroying fails what is under way and what waits, also while closing', async () => {
  const { lanes, hasRead } = await lanesTo({ connections: 1 });
  const answers = ['/1', '/2', '/3'].map((path) => ask(lanes, path));
  await hasRead(1);
  const closing = lanes.close();
  await lanes.destroy(Object.assign(new Error('over'), { code: 'OVER' }));
  expect(await Promise.all(answers)).toEqual(['OVER', 'OVER', 'OVER']);
  await closing;
});

test('a connection that is old enough gets nothing new', async () => {
  let now = 1_000;
  const { lanes, connections } = await lanesTo({ ttlMs: 5_000, clock: { ...systemClock, now: () => now } });
  await askAlone(lanes);
  now += 5_000;
  await askAlone(lanes);
  expect(connections()).toBe(1);
  now += 1;
  expect(await askAlone(lanes)).toBe('/now answered');
  expect(connections()).toBe(2);
  await lanes.close();
});

test('who leaves the line is not sent and hears nothing; the others keep their order', async () => {
  const { lanes, arrived, hasRead, answerNext } = await lanesTo({ connections: 1 });
  const first = ask(lanes, '/0');
  await hasRead(1);
  const waiting = Array.from({ length: 8 }, listener);
  waiting.forEach((handler, i) => lanes.dispatch({ path: `/${i + 1}`, method: 'GET' }, handler));

  for (const gone of [3, 0, 7, 4]) expect(lanes.leave(waiting[gone] as WireHandler)).toBe(true);
  expect(lanes.leave(waiting[3] as WireHandler)).toBe(false);
  const last = ask(lanes, '/9');
  for (let count = 2; count <= 6; count++) {
    answerNext();
    await hasRead(count);
  }
  answerNext();

  expect(await Promise.all([first, last])).toEqual(['/0 answered', '/9 answered']);
  expect(arrived).toEqual(['/0', '/2', '/3', '/6', '/7', '/9']);
  for (const [i, { heard }] of waiting.entries())
    expect(heard).toEqual([0, 3, 4, 7].includes(i) ? [] : ['connect', 'complete']);
  expect(lanes.leave(waiting[1] as WireHandler)).toBe(false);
  await lanes.close();
});

test('the line may be left empty while its connections close or are destroyed', async () => {
  const { lanes, hasRead, answerNext } = await lanesTo({ connections: 1 });
  const sent = ask(lanes, '/0');
  await hasRead(1);
  const [alone, leaver, left] = [listener(), listener(), listener()];
  lanes.dispatch({ path: '/1', method: 'GET' }, alone);
  const closing = lanes.close();
  lanes.leave(alone);
  answerNext();
  expect(await sent).toBe('/0 answered');
  await closing;
  expect(alone.heard).toEqual([]);

  const others = await lanesTo({ connections: 1 });
  void ask(others.lanes, '/0');
  await others.hasRead(1);
  // The first that is failed gives the other one up.
  const both: WireHandler = {
    ...leaver,
    onError: (error) => {
      leaver.heard.push(error.message);
      others.lanes.leave(left);
    },
  };
  others.lanes.dispatch({ path: '/1', method: 'GET' }, both);
  others.lanes.dispatch({ path: '/2', method: 'GET' }, left);
  await others.lanes.destroy(new Error('over'));
  expect([leaver.heard, left.heard]).toEqual([['over'], []]);
});

test.each(['close', 'destroy'] as const)(
  '%s includes a connection that aged with work on it',
  async (how) => {
    let now = 1_000;
    const { lanes, hasRead, answerNext } = await lanesTo({
      pipelining: 2,
      ttlMs: 5_000,
      clock: { ...systemClock, now: () => now },
    });
    const old = ask(lanes, '/old');
    await hasRead(1);
    now += 5_001;
    expect(await ask(lanes, '/now')).toBe('/now answered');

    let ended = false;
    const ending = (how === 'close' ? lanes.close() : lanes.destroy(new Error('over'))).then(
      () => (ended = true),
    );
    if (how === 'close') {
      for (let i = 0; i < 5; i++) await settleMicrotasks();
      expect(ended).toBe(false);
      answerNext();
    }
    expect(await old).toBe(how === 'close' ? '/old answered' : 'over');
    await ending;
  },
);
