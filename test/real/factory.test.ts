/** Starting a service without endpoints: once for all callers, each with its own deadline, and again after it died. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createClerk, isClerkError, type BindOptions, type ClerkOptions, type Factory } from 'binding-clerk';
import { rawPeer, type RawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, stop, webServer } from './web-server.js';

/** A clerk with an empty registry, and a binding with a factory. */
function clerkWithFactory(factory: Factory, bind: BindOptions = {}, options: Partial<ClerkOptions> = {}) {
  const clerk = createClerk({ registry: {}, ...options });
  onTestFinished(() => clerk.destroy());
  return { clerk, orders: clerk.bind('/shop/orders', { factory, ...bind }) };
}

const hello = () => webServer((_request, response) => void response.end('{"ok":true}'));

/** A factory that waits until it is released. */
function gatedFactory(result: () => ReturnType<Factory>) {
  let letGo: () => void = () => undefined;
  let markStarted: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const hasStarted = new Promise<void>((resolve) => (markStarted = resolve));
  let starts = 0;
  const factory: Factory = async () => {
    starts++;
    markStarted();
    await gate;
    return result();
  };
  return { factory, release: letGo, hasStarted, starts: () => starts };
}

describe('one start', () => {
  test('serves two hundred callers, over every API and several bindings', async () => {
    const server = await hello();
    const { factory, release, hasStarted, starts } = gatedFactory(() => server.address);
    const { clerk, orders } = clerkWithFactory(factory);
    const started: unknown[] = [];
    clerk.on('started', ({ name, endpoints }) => started.push([name, endpoints]));
    const others = clerk.bind('/shop/orders', { factory });
    const ways: (() => Promise<unknown>)[] = [
      () => orders.json('/orders'),
      () =>
        orders
          .request({ path: '/orders', method: 'POST', body: 'one pizza' })
          .then(({ body }) => body.json()),
      () => others.json('/orders'),
      () => orders.call(() => ({ ok: true })),
      () => orders.ready().then(() => ({ ok: true })),
    ];

    const calls = Array.from({ length: 200 }, async (_, i) => ways[i % ways.length]?.());
    await hasStarted;
    await sleep(20);
    release();

    expect(await Promise.all(calls)).toEqual(Array(200).fill({ ok: true }));
    expect(starts()).toBe(1);
    expect(started).toEqual([['/shop/orders', [server.address]]]);
  });

  test('may take longer than the deadline of some callers', async () => {
    const server = await hello();
    const { factory, release, hasStarted, starts } = gatedFactory(() => [server.address]);
    const { orders } = clerkWithFactory(factory);
    const controller = new AbortController();

    const patient = orders.json('/orders');
    const hasty = clerkErrorOf(orders.json('/orders', { timeoutMs: 50 }));
    const gone = clerkErrorOf(orders.json('/orders', { signal: controller.signal }));
    await hasStarted;
    controller.abort();

    expect([(await hasty).code, (await hasty).execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    expect([(await gone).code, (await gone).execution]).toEqual(['ABORTED', 'none']);
    release();
    expect(await patient).toEqual({ ok: true });
    expect([starts(), server.requests.length]).toEqual([1, 1]);
  });

  test('continues when every caller has given up, and serves the next one', async () => {
    const server = await hello();
    const { factory, release, hasStarted, starts } = gatedFactory(() => server.address);
    const { orders } = clerkWithFactory(factory);
    const hasty = clerkErrorOf(orders.json('/orders', { timeoutMs: 50 }));
    await hasStarted;
    await hasty;

    const next = orders.json('/orders');
    release();
    expect(await next).toEqual({ ok: true });
    expect(starts()).toBe(1);
  });

  test('gets the name and a signal that is not aborted', async () => {
    const server = await hello();
    const received: unknown[] = [];
    const { orders } = clerkWithFactory(({ name, signal }) => {
      received.push(name, signal.aborted);
      return server.address;
    });

    await orders.json('/orders');
    expect(received).toEqual(['/shop/orders', false]);
  });

  test('does not happen if there is an endpoint, or once the registry has one', async () => {
    const server = await hello();
    let starts = 0;
    const { orders } = clerkWithFactory(
      () => (starts++, server.address),
      {},
      { registry: { '/shop/orders': server.address } },
    );
    await orders.json('/orders');
    expect(starts).toBe(0);
  });
});

describe('a start that fails', () => {
  test('fails every caller with the cause, and is not tried again at once', async () => {
    const cause = new Error('No memory left');
    let starts = 0;
    const { orders, clerk } = clerkWithFactory(async () => {
      starts++;
      throw cause;
    });

    const errors = await Promise.all(Array.from({ length: 50 }, () => clerkErrorOf(orders.json('/orders'))));
    for (let i = 0; i < 50; i++)
      errors.push(await clerkErrorOf(orders.request({ path: '/orders', method: 'POST' })));
    const fetched = (await clerk
      .bind('/shop/orders', {
        factory: () => {
          throw cause;
        },
      })
      .json('/orders')
      .catch((error: unknown) => error)) as Error;

    for (const error of [...errors, fetched])
      expect(isClerkError(error) && [error.code, error.execution, error.cause]).toEqual([
        'FACTORY_FAILED',
        'none',
        cause,
      ]);
    expect(starts).toBe(1);
    expect(errors.at(-1)?.message).toContain('No memory left');
  });

  test('is tried again after its backoff', async () => {
    const server = await hello();
    let starts = 0;
    const { orders } = clerkWithFactory(() => {
      if (++starts === 1) throw new Error('Not yet');
      return server.address;
    });

    expect((await clerkErrorOf(orders.json('/orders'))).code).toBe('FACTORY_FAILED');
    for (let response: unknown; response === undefined;) {
      response = await orders.json('/orders').catch(() => undefined);
      if (response === undefined) await sleep(50);
    }
    expect([starts, server.requests.length]).toEqual([2, 1]);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an empty list', []],
    ['a number', 8080],
    ['an address with a path', 'http://127.0.0.1:80/path'],
    ['no address', { id: 'a' }],
    ['an instance twice', ['http://127.0.0.1:1', 'http://127.0.0.1:1']],
    ['words', 'it runs'],
  ])('a factory that returns %s fails the callers', async (_what, nonsense) => {
    const { orders } = clerkWithFactory(() => nonsense as string);

    const error = await clerkErrorOf(orders.json('/orders'));
    expect([error.code, error.execution]).toEqual(['FACTORY_FAILED', 'none']);
  });

  test('a started service without a listening endpoint has failed, after at most one more start', async () => {
    const dead = await unusedAddress();
    let starts = 0;
    const { orders } = clerkWithFactory(() => (starts++, dead));

    const errors = await Promise.all(
      Array.from({ length: 20 }, () => clerkErrorOf(orders.json('/orders', { timeoutMs: 3_000 }))),
    );

    for (const { code, execution } of errors)
      expect(['FACTORY_FAILED', 'ENDPOINTS_EXHAUSTED', 'DEADLINE_EXCEEDED'].includes(code) && execution).toBe(
        'none',
      );
    expect(starts).toBeLessThanOrEqual(3);
  });
});

describe('a started service that has died', () => {
  test.each(['GET', 'POST'])('is started again within a call (%s)', async (method) => {
    const peers: RawPeer[] = [];
    const { orders } = clerkWithFactory(async () => {
      const peer = await rawPeer('respond');
      peers.push(peer);
      return peer.address;
    });
    expect(await orders.json('/orders', { method })).toEqual({ ok: true });
    await peers[0]?.refuse();
    await sleep(20);

    expect(await orders.json('/orders', { method })).toEqual({ ok: true });
    expect(peers.map(({ executed }) => executed.length)).toEqual([1, 1]);
  });

  test('is started once for all concurrent callers', async () => {
    const peers: RawPeer[] = [];
    const { orders } = clerkWithFactory(async () => {
      const peer = await rawPeer('respond');
      peers.push(peer);
      return peer.address;
    });
    await orders.json('/orders');
    await peers[0]?.refuse();
    await sleep(20);

    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, i) => orders.json('/orders', { method: i % 2 ? 'GET' : 'POST' })),
    );

    expect(responses).toEqual(Array(50).fill({ ok: true }));
    expect(peers).toHaveLength(2);
  });

  test('with the request in flight gets no retry of a once call', async () => {
    const peers: RawPeer[] = [];
    const { orders } = clerkWithFactory(async () => {
      const peer = await rawPeer(peers.length === 0 ? 'reset' : 'respond');
      peers.push(peer);
      return peer.address;
    });

    const error = await clerkErrorOf(orders.json('/orders', { method: 'POST' }));
    expect([error.code, error.execution, peers.length]).toEqual(['OUTCOME_UNKNOWN', 'unknown', 1]);
  });
});

describe('closing', () => {
  test('destroy during a start aborts it and ends its callers', async () => {
    const server = await hello();
    let signal: AbortSignal | undefined;
    let markReached: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (markReached = resolve));
    const { clerk, orders } = clerkWithFactory(async (context) => {
      signal = context.signal;
      markReached();
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      return server.address;
    });
    const calls = [
      clerkErrorOf(orders.json('/orders')),
      clerkErrorOf(orders.request({ path: '/orders', method: 'POST' })),
      clerkErrorOf(orders.call(() => 1)),
    ];
    await reached;
    await clerk.destroy();

    for (const error of await Promise.all(calls))
      expect([error.code, error.execution]).toEqual(['CLERK_CLOSED', 'none']);
    expect(signal?.aborted).toBe(true);
    expect(server.requests).toEqual([]);
  });

  test('close during a start waits for its callers', async () => {
    const server = await hello();
    const { factory, release, hasStarted } = gatedFactory(() => server.address);
    const { clerk, orders } = clerkWithFactory(factory);
    const call = orders.json('/orders');
    await hasStarted;
    const closing = clerk.close();
    release();

    expect(await call).toEqual({ ok: true });
    await closing;
    await stop(server.server);
  });
});

test('the factory runs in the async context of the caller that caused the start', async () => {
  const server = await hello();
  const requestId = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const { orders } = clerkWithFactory(async () => {
    seen.push(requestId.getStore());
    await sleep(10);
    seen.push(requestId.getStore());
    return server.address;
  });

  await requestId.run('first', () => orders.json('/orders'));
  expect(seen).toEqual(['first', 'first']);
});
