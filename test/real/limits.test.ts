/** Limits on pending calls, connections and memory, and options that are rejected. */
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
import { webServer } from './web-server.js';

/** A server that responds on demand. */
async function patientServer() {
  const responders: (() => void)[] = [];
  const server = await webServer((_request, response) => void responders.push(() => response.end('{}')));
  return { ...server, respondToAll: () => responders.splice(0).forEach((respond) => respond()) };
}

/** Lets pending promise jobs and socket callbacks run. */
const settled = () => sleep(50);

describe('maxPending', () => {
  test.each([
    ['one below the bound', 4, 0],
    ['at the bound', 5, 0],
    ['one above it', 6, 1],
    ['far above it', 25, 20],
  ])('%s: of %i waiting calls, %i fail at once', async (_where, calls, refused) => {
    let respond: () => void = () => undefined;
    const server = await webServer((_request, response) => void response.end('{}'));
    const clerk = createClerk({
      registry: {
        resolve: () =>
          new Promise((resolve) => (respond = () => resolve({ kind: 'bound', endpoints: [server.address] }))),
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
    respond();

    expect(first).toBe(refused > 0 ? 'LIMIT_EXCEEDED none' : 'all wait');
    const codes = await Promise.all(results);
    expect(codes.filter((code) => code === 'LIMIT_EXCEEDED none')).toHaveLength(refused);
    expect(codes.filter((code) => code === 'done')).toHaveLength(calls - refused);
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
    server.respondToAll();
    await Promise.all(sent);
    await server.waitForRequests(4);
    // A waiting call was sent, so there is room for another.
    const one = orders.text('/later', { method: 'POST' });
    for (let seen = server.requests.length; seen < 6; seen = server.requests.length) {
      server.respondToAll();
      await sleep(5);
    }
    server.respondToAll();
    await Promise.all([...waiting, one]);
    expect(server.requests.filter((line) => line.includes('refused'))).toEqual([]);
  });

  test('is counted per binding', async () => {
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
  test('calls that were aborted while waiting for a connection retain no bodies', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const server = await webServer((_request, response) => void response.write('without end'));
    // No `attempt` listener, since the errors in outcomes keep their calls alive.
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
    // The connection was closed with the stream, so this call gets a new one.
    const last = await orders.request({ path: '/last', method: 'POST' });
    last.body.destroy();
    expect(server.requests).toEqual(['POST /stream', 'POST /last']);
  });
});

describe('connections', () => {
  test.each([1, 3])('at most %i per endpoint', async (connections) => {
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
      server.respondToAll();
    }
    await Promise.all(calls);

    expect(most).toBe(connections);
  });
});

describe('options rejected before anything is sent', () => {
  const wrong = (value: string): unknown => value;

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
    ['a version that is not a range', { version: 'new' }],
    ['a factory that is not a function', { factory: 'start.sh' }],
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
    ['an affinity that is not a string', { path: '/', affinity: 7 }],
  ])('a request with %s', async (_what, options) => {
    const server = await webServer((_request, response) => void response.end('{}'));
    const { orders, clerk } = testClerk([server.address]);
    const troubled: unknown[] = [];
    clerk.on('suspect', (event) => troubled.push(event));

    // First without, then with a cached resolution.
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

test('an invalid address in $CLERK_REGISTRY is reported with its position', () => {
  vi.stubEnv('CLERK_REGISTRY', 'banana');
  expect(() => createClerk()).toThrow(/^\$CLERK_REGISTRY must be an http: or https: URL .*; got 'banana'/);
  vi.unstubAllEnvs();
});
