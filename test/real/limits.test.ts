/** Bounds, refusals and endings: what the clerk does not take, and how it closes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  createClerk,
  isClerkError,
  type ClerkOptions,
  type BindOptions,
  type RequestOptions,
} from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

/** A server that answers when it is told to. */
async function patientServer() {
  const answers: (() => void)[] = [];
  const server = await webServer((_request, response) => void answers.push(() => response.end('{}')));
  return { ...server, answerAll: () => answers.splice(0).forEach((answer) => answer()) };
}

/** Lets every promise job and socket callback that is due run. */
const settled = () => sleep(50);

describe('maxPending', () => {
  test.each([
    ['one below the bound', 4, 0],
    ['at the bound', 5, 0],
    ['one above it', 6, 1],
    ['far above it', 25, 20],
  ])('%s: of %i calls that wait, %i fail at once', async (_where, calls, refused) => {
    let answer: () => void = () => undefined;
    const server = await webServer((_request, response) => void response.end('{}'));
    const clerk = createClerk({
      registry: {
        resolve: () =>
          new Promise((resolve) => (answer = () => resolve({ kind: 'bound', endpoints: [server.address] }))),
      },
      maxPending: 5,
    });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');

    const ways: (() => Promise<unknown>)[] = [
      () => orders.json('/a'),
      () => orders.request({ path: '/b', method: 'POST' }).then(({ body }) => body.dump()),
      () => orders.call(() => 1),
    ];
    const results = Array.from({ length: calls }, async (_, i) => {
      try {
        await ways[i % ways.length]?.();
        return 'done';
      } catch (error) {
        return isClerkError(error) ? `${error.code} ${error.execution}` : error;
      }
    });
    const first = await Promise.race([...results, settled().then(() => 'all wait')]);
    answer();

    expect(first).toBe(refused > 0 ? 'LIMIT_EXCEEDED none' : 'all wait');
    const words = await Promise.all(results);
    expect(words.filter((word) => word === 'LIMIT_EXCEEDED none')).toHaveLength(refused);
    expect(words.filter((word) => word === 'done')).toHaveLength(calls - refused);
  });

  test('counts calls that wait for a connection, not those that were sent', async () => {
    const server = await patientServer();
    const { orders } = testClerk([server.address], {
      connections: 2,
      maxPending: 3,
      undici: { pipelining: 1 },
    });

    const sent = [orders.text('/sent', { method: 'POST' }), orders.text('/sent', { method: 'POST' })];
    await server.waitForRequests(2);
    const waiting = [1, 2, 3].map(() => orders.text('/waiting', { method: 'POST' }));
    const error = await clerkErrorOf(orders.text('/refused', { method: 'POST' }));

    expect(error.code).toBe('LIMIT_EXCEEDED');
    server.answerAll();
    await Promise.all(sent);
    await server.waitForRequests(4);
    // Somebody's turn has come, so there is room again.
    const one = orders.text('/later', { method: 'POST' });
    for (let seen = server.requests.length; seen < 6; seen = server.requests.length) {
      server.answerAll();
      await sleep(5);
    }
    server.answerAll();
    await Promise.all([...waiting, one]);
    expect(server.requests.filter((line) => line.includes('refused'))).toEqual([]);
  });

  test('is counted for each binding', async () => {
    const peer = await rawPeer('no-response');
    const { clerk, orders } = testClerk([peer.address], {
      connections: 1,
      maxPending: 1,
      undici: { pipelining: 1 },
    });
    const others = clerk.bind('/shop/orders');
    const sent = orders.text('/sent', { method: 'POST' }).catch((error: unknown) => error);
    while (peer.executed.length === 0) await sleep(5);

    const waiting = [orders, others].map((binding) =>
      binding.text('/waits', { method: 'POST' }).catch((error: unknown) => error),
    );
    const errors = await Promise.all(
      [orders, others].map((binding) => clerkErrorOf(binding.text('/refused', { method: 'POST' }))),
    );

    expect(errors.map(({ code }) => code)).toEqual(['LIMIT_EXCEEDED', 'LIMIT_EXCEEDED']);
    await clerk.destroy();
    await Promise.all([sent, ...waiting]);
  });
});

describe('memory', () => {
  test('calls that gave up while they waited for a connection leave no bodies behind', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const server = await webServer((_request, response) => void response.write('without end'));
    // Nobody listens to its attempts: their errors hold the calls they were made in.
    const clerk = createClerk({ registry: { '/shop/orders': server.address }, connections: 1 });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    const stream = await orders.request({ path: '/stream', method: 'POST', timeoutMs: 60_000 });
    const bodies: WeakRef<Buffer>[] = [];
    const giveUp = async (): Promise<string> => {
      const body = Buffer.alloc(1_000_000, 'x');
      bodies.push(new WeakRef(body));
      const { code } = await clerkErrorOf(orders.text('/waits', { method: 'POST', body, timeoutMs: 20 }));
      return code;
    };

    const codes = await Promise.all(Array.from({ length: 50 }, giveUp));
    await settled();
    collect();

    expect(new Set(codes)).toEqual(new Set(['DEADLINE_EXCEEDED']));
    expect(bodies.filter((body) => body.deref() !== undefined).length).toBeLessThan(5);
    expect(server.requests).toEqual(['POST /stream']);
    stream.body.destroy();
    // The connection was cut with the stream, so this one gets another.
    const last = await orders.request({ path: '/last', method: 'POST' });
    last.body.destroy();
    expect(server.requests).toEqual(['POST /stream', 'POST /last']);
  });
});

describe('connections', () => {
  test.each([1, 3])('at most %i to an endpoint for calls of a sort', async (connections) => {
    const server = await patientServer();
    let open = 0;
    let most = 0;
    server.server.on('connection', (socket) => {
      most = Math.max(most, ++open);
      socket.on('close', () => open--);
    });
    const { orders } = testClerk([server.address], { connections, undici: { pipelining: 1 } });

    const calls = Array.from({ length: 4 * connections }, () => orders.text('/orders', { method: 'POST' }));
    for (let done = 0; done < calls.length; done += connections) {
      await server.waitForRequests(Math.min(done + connections, calls.length));
      await settled();
      server.answerAll();
    }
    await Promise.all(calls);

    expect(most).toBe(connections);
  });
});

describe('what is refused before anything is sent', () => {
  const wrong = (word: string): unknown => word;

  test.each<[string, unknown]>([
    ['an unknown option', { registry: {}, retries: 3 }],
    ['an option of a later version', { registry: {}, tickets: 'required' }],
    ['a registry of a later version', { registry: 'etcd://127.0.0.1:2379/clerk' }],
    ['an address of a registry with a path', { registry: 'http://127.0.0.1:4711/v1' }],
    ['connections of 0', { registry: {}, connections: 0 }],
    ['connections of 10,001', { registry: {}, connections: 10_001 }],
    ['maxPending of 0', { registry: {}, maxPending: 0 }],
    ['maxPending of 1.5', { registry: {}, maxPending: 1.5 }],
    ['a pingInterval that is negative', { registry: {}, undici: { pingInterval: -1 } }],
    ['a pingInterval of 0.5', { registry: {}, undici: { pingInterval: 0.5 } }],
    ['a pingInterval of NaN', { registry: {}, undici: { pingInterval: Number.NaN } }],
    ['a pingInterval that is a string', { registry: {}, undici: { pingInterval: '1000' } }],
    ['an unknown tls option', { registry: {}, tls: { pfx: 'x' } }],
    ['a dispatcher without dispatch', { registry: {}, dispatcher: {} }],
    ['a key without a slash', { registry: { 'shop/orders': [] } }],
    ['an address with a path', { registry: { '/shop/orders': 'http://127.0.0.1:80/path' } }],
    ['null for options', null],
  ])('createClerk with %s', (_what, options) => {
    expect(() => createClerk(options as ClerkOptions)).toThrow(
      expect.objectContaining({ name: 'ClerkError', code: 'CONFIG_INVALID' }) as Error,
    );
  });

  test.each<[string, unknown]>([
    ['an unknown option', { retries: 3 }],
    ['a timeout of 0', { timeoutMs: 0 }],
    ['a timeout of NaN', { timeoutMs: Number.NaN }],
    ['a timeout beyond 2^31', { timeoutMs: 2 ** 31 }],
    ['an unknown kind', { kind: 'twice' }],
    ['an unknown policy', { policy: wrong('best') }],
    ['a version that is no range', { version: 'new' }],
    ['a factory that is no function', { factory: 'start.sh' }],
  ])('bind with %s', (_what, options) => {
    const clerk = createClerk({ registry: {} });
    expect(() => clerk.bind('/shop/orders', options as BindOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
    );
  });

  test.each<[string, unknown]>([
    ['an unknown option', { path: '/', retries: 3 }],
    ['no path', {}],
    ['a path without a slash', { path: 'orders' }],
    ['a path with a line break', { path: '/orders\r\nx: y' }],
    ['a header with a line break', { path: '/', headers: { 'x-a': 'b\r\nc: d' } }],
    ['a header name with a blank', { path: '/', headers: { 'x a': 'b' } }],
    ['headers of an odd length', { path: '/', headers: ['x-a'] }],
    ['a host of its own in a list', { path: '/', headers: { 'transfer-encoding': 'chunked' } }],
    [
      'a content-length that does not fit',
      { path: '/', method: 'PUT', body: 'pizza', headers: { 'content-length': '3' } },
    ],
    ['a method that is none', { path: '/', method: 'GET /x' }],
    ['a body that is a number', { path: '/', method: 'PUT', body: 7 }],
    ['a timeout of -1', { path: '/', timeoutMs: -1 }],
    ['a kind of its own', { path: '/', kind: 'twice' }],
    ['a signal that is none', { path: '/', signal: {} }],
    ['an affinity that is no string', { path: '/', affinity: 7 }],
  ])('a request with %s', async (_what, options) => {
    const server = await webServer((_request, response) => void response.end('{}'));
    const { orders, clerk } = testClerk([server.address]);
    const troubled: unknown[] = [];
    clerk.on('suspect', (event) => troubled.push(event));

    // Cold, then warm.
    for (let i = 0; i < 2; i++) {
      const errors = [
        await clerkErrorOf(orders.request(options as RequestOptions)),
        await clerkErrorOf(orders.json(options as RequestOptions)),
      ];
      expect(errors.map(({ code, execution }) => `${code} ${execution}`)).toEqual(
        Array(2).fill('CONFIG_INVALID none'),
      );
      await orders.text('/fine');
    }
    expect(server.requests).toEqual(['GET /fine', 'GET /fine']);
    expect(troubled).toEqual([]);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });
});

describe('closing', () => {
  test('a closed clerk takes no calls, and says so in every way of calling', async () => {
    const server = await webServer((_request, response) => void response.end('{}'));
    const { orders, clerk } = testClerk([server.address]);
    await orders.text('/orders');
    await clerk.close();

    const errors = await Promise.all([
      clerkErrorOf(orders.request({ path: '/orders' })),
      clerkErrorOf(orders.json('/orders')),
      clerkErrorOf(orders.call(() => 1)),
      clerkErrorOf(orders.acquire()),
      clerkErrorOf(orders.ready()),
      clerkErrorOf(orders.gather({ path: '/orders' })),
      clerkErrorOf(clerk.resolve('/shop/orders')),
      clerkErrorOf(clerk.list('/**')),
      clerkErrorOf(clerk.request('/shop/orders/7')),
    ]);
    expect(new Set(errors.map(({ code, execution }) => `${code} ${execution}`))).toEqual(
      new Set(['CLERK_CLOSED none']),
    );
    expect(() => clerk.bind('/shop/orders')).toThrow(
      expect.objectContaining({ code: 'CLERK_CLOSED' }) as Error,
    );
    expect(() => clerk.watch('/**')).toThrow(expect.objectContaining({ code: 'CLERK_CLOSED' }) as Error);
    const fetched: unknown = await clerk
      .fetch('http://orders.shop.clerk/orders')
      .catch((error: unknown) => error);
    expect((fetched as { cause: { code: string } }).cause.code).toBe('CLERK_CLOSED');
    expect(server.requests).toEqual(['GET /orders']);
  });

  test('close waits for calls in flight and for the bodies that follow', async () => {
    const endings: (() => void)[] = [];
    const server = await webServer((request, response) => {
      if (request.url === '/head') response.write('half, ');
      endings.push(() => response.end('done'));
    });
    const { orders, clerk } = testClerk([server.address]);
    const calls = [orders.text('/call'), orders.text('/call', { method: 'POST' })];
    const { body } = await orders.request({ path: '/head' });
    await server.waitForRequests(3);

    let closed = false;
    const closing = clerk.close().then(() => (closed = true));
    expect((await clerkErrorOf(orders.text('/too-late'))).code).toBe('CLERK_CLOSED');
    await settled();
    expect(closed).toBe(false);
    for (const end of endings) end();

    expect(await Promise.all(calls)).toEqual(['done', 'done']);
    expect(await body.text()).toBe('half, done');
    await closing;
    expect(server.requests).toHaveLength(3);
  });

  test('close waits for what was acquired and for call()', async () => {
    const { orders, clerk } = testClerk([await unusedAddress()]);
    const held = await orders.acquire();
    let end: () => void = () => undefined;
    const call = orders.call(() => new Promise<void>((resolve) => (end = resolve)));
    await settled();

    let closed = false;
    const closing = clerk.close().then(() => (closed = true));
    held.release('success');
    await settled();
    expect(closed).toBe(false);
    end();
    await Promise.all([call, closing]);
  });

  test('destroy cuts calls in flight wherever they are, and bodies', async () => {
    const peer = await rawPeer('no-response');
    const server = await webServer((_request, response) => void response.write('half'));
    const { orders, clerk } = testClerk([peer.address], { connections: 1, undici: { pipelining: 1 } });
    const other = testClerk([server.address]);
    const sent = clerkErrorOf(orders.text('/orders', { method: 'POST' }));
    const queued = clerkErrorOf(orders.text('/orders', { method: 'POST' }));
    const talk = clerkErrorOf(orders.call(() => new Promise(() => undefined)));
    const { body } = await other.orders.request({ path: '/orders' });
    while (peer.executed.length === 0) await sleep(5);

    await Promise.all([clerk.destroy(), other.clerk.destroy()]);

    expect([(await sent).code, (await sent).execution]).toEqual(['CLERK_CLOSED', 'unknown']);
    expect([(await queued).code, (await queued).execution]).toEqual(['CLERK_CLOSED', 'none']);
    expect((await talk).code).toBe('CLERK_CLOSED');
    const broken = await clerkErrorOf(body.text());
    expect(broken.code).toBe('CLERK_CLOSED');
    expect(peer.executed).toHaveLength(1);
  });

  test('destroy cuts what is on a connection that has aged', async () => {
    const server = await webServer((request, response) =>
      request.url === '/stream' ? void response.write('half') : void response.end('{}'),
    );
    const { orders, clerk } = testClerk([server.address], {
      connections: 2,
      undici: { clientTtl: 50, pipelining: 2 },
    });
    const { body } = await orders.request({ path: '/stream' });
    await sleep(150);
    await orders.json('/orders');
    await orders.json('/orders');

    await clerk.destroy();

    expect(await Promise.race([clerkErrorOf(body.text()), sleep(1_000)])).toMatchObject({
      code: 'CLERK_CLOSED',
    });
  });

  test('destroy ends a close that waits', async () => {
    const { orders, clerk } = testClerk([(await rawPeer('no-response')).address]);
    const call = clerkErrorOf(orders.text('/orders', { method: 'POST' }));
    await settled();
    const closing = clerk.close();
    await clerk.destroy(new Error('Enough'));

    expect((await call).code).toBe('CLERK_CLOSED');
    await closing;
  });

  test('closing twice, and destroying twice, is closing once; the registry is closed once', async () => {
    let closes = 0;
    const registry = {
      resolve: () => ({ kind: 'absent' as const }),
      close: () => {
        closes++;
      },
    };
    const gentle = createClerk({ registry });
    await Promise.all([gentle.close(), gentle.close()]);
    await gentle.close();
    expect(closes).toBe(1);
    const rough = createClerk({ registry });
    await Promise.all([rough.destroy(), rough.destroy(), rough.close()]);
    await gentle.destroy();
    expect(closes).toBe(2);
  });

  test('await using closes it, and closing its dispatcher does too', async () => {
    const server = await webServer((_request, response) => void response.end('{}'));
    const clerk = createClerk({ registry: { '/shop/orders': server.address } });
    const orders = clerk.bind('/shop/orders');
    await orders.text('/orders');
    await clerk[Symbol.asyncDispose]();
    expect((await clerkErrorOf(orders.text('/orders'))).code).toBe('CLERK_CLOSED');

    const second = createClerk({ registry: { '/shop/orders': server.address } });
    await second.dispatcher.close();
    expect((await clerkErrorOf(second.resolve('/shop/orders'))).code).toBe('CLERK_CLOSED');
    const third = createClerk({ registry: { '/shop/orders': server.address } });
    await third.dispatcher.destroy();
    expect((await clerkErrorOf(third.resolve('/shop/orders'))).code).toBe('CLERK_CLOSED');
  });
});

test('an address in $CLERK_REGISTRY that is none is told with its place', () => {
  vi.stubEnv('CLERK_REGISTRY', 'banana');
  expect(() => createClerk()).toThrow(/^\$CLERK_REGISTRY: Address 'banana'/);
  vi.unstubAllEnvs();
});
