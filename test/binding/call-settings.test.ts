/** Settings for retries, attempt timeouts, probes and route classes: which apply, and what they do. In virtual time. */
import { createClerk, type BindOptions, type CallOptions } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import {
  createFakeRuntime,
  createMemoryNetwork,
  type MemoryRequest,
  type ServerReply,
} from 'binding-clerk/testing';
import { describe, expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

type Settings = Pick<CallOptions, 'attemptTimeoutMs' | 'retries'>;

/** Six servers with one handler, of which each call tries the first one that it has not tried. */
function setup(
  handle: (request: MemoryRequest, id: string) => ServerReply,
  { bind = {}, service = {} }: { readonly bind?: BindOptions; readonly service?: Settings } = {},
) {
  const runtime = createFakeRuntime({ seed: 4, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const requests: string[] = [];
  const probes: string[] = [];
  for (const id of ids)
    network.server(`http://${id}`).handler = (request) => {
      const { method, path, isProbe } = request;
      (isProbe ? probes : requests).push(`${id} ${method} ${path}`);
      return { statusCode: 200, body: JSON.stringify(id), ...handle(request, id) };
    };
  const registry: Registry = {
    resolve: () =>
      Promise.resolve({
        kind: 'bound',
        endpoints: ids.map((id) => ({ id, address: `http://${id}` })),
        ...(service as object),
      }),
  };
  const clerk = createClerk({ registry, runtime });
  const orders = clerk.bind('/shop/orders', { policy: ([first]) => first, ...bind });
  return { clerk, orders, runtime, network, requests, probes };
}

const reset = (): ServerReply => ({ behavior: 'reset-after' });

describe('the setting that applies', () => {
  test.each<[string, Settings, Settings, Settings, number]>([
    ['the default', {}, {}, {}, 5],
    ['the service config over the default', { retries: { max: 3 } }, {}, {}, 4],
    ['the binding over the service config', { retries: { max: 3 } }, { retries: { max: 2 } }, {}, 3],
    [
      'the request over the binding',
      { retries: { max: 3 } },
      { retries: { max: 2 } },
      { retries: { max: 1 } },
      2,
    ],
    ['no retries by the request', {}, { retries: { max: 2 } }, { retries: false }, 1],
    ['retries again by the request', {}, { retries: false }, { retries: { max: 2 } }, 3],
    ['no retries by the service config', { retries: false }, {}, {}, 1],
  ])('is %s', async (_which, service, bind, request, attempts) => {
    const { orders, requests } = setup(reset, { service, bind: bind });

    await clerkErrorOf(orders.json('/', request));

    expect(requests).toHaveLength(attempts);
  });

  test.each<[string, (given: ReturnType<typeof setup>) => Promise<unknown>]>([
    ['request()', ({ orders }) => orders.request({ path: '/', retries: { max: 1 } })],
    ['text()', ({ orders }) => orders.text('/', { retries: { max: 1 } })],
    ['bytes()', ({ orders }) => orders.bytes('/', { retries: { max: 1 } })],
    ['clerk.request()', ({ clerk }) => clerk.request('/shop/orders/', { retries: { max: 1 } })],
    ['clerk.fetch()', ({ clerk }) => clerk.fetch('http://orders.shop.clerk/', { retries: { max: 1 } })],
    [
      'clerk.dispatcher',
      ({ clerk }) =>
        clerk.dispatcher.request({
          origin: 'http://orders.shop.clerk',
          path: '/',
          method: 'GET',
          retries: { max: 1 },
        } as never),
    ],
  ])('reaches %s', async (_caller, call) => {
    const given = setup(reset);

    await expect(call(given)).rejects.toThrow();

    expect(given.requests).toHaveLength(2);
  });

  test('is read again when the service config changes', async () => {
    const service: { retries?: { max: number } } = { retries: { max: 3 } };
    const { orders, requests, runtime } = setup(reset, { service });
    await clerkErrorOf(orders.json('/'));
    expect(requests).toHaveLength(4);
    service.retries = { max: 0 };
    await runtime.advance(60_000);
    requests.length = 0;

    await clerkErrorOf(orders.json('/'));

    expect(requests).toHaveLength(1);
  });

  test('is part of the explanation', async () => {
    const { orders } = setup(() => ({}), {
      service: { attemptTimeoutMs: { min: 40 } },
      bind: {
        retries: { statuses: [500], budget: { ratio: 0.2 } },
        probe: { path: '/health' },
        timeoutMs: 6_000,
      },
    });
    await orders.json('/');

    expect(orders.explain().settings).toEqual({
      minAttemptTimeoutMs: 40,
      maxAttemptTimeoutMs: 3_000,
      retries: { max: 4, statuses: [500], budget: { ratio: 0.2, minPerSecond: 3 } },
      probe: { method: 'OPTIONS', path: '/health' },
    });
  });
});

test('only the statuses in retries.statuses are retried', async () => {
  const { orders, requests } = setup(
    (_request, id) => (id === 'a' ? { statusCode: 500 } : { statusCode: 503 }),
    {
      bind: { retries: { statuses: [500] } },
    },
  );

  const { statusCode } = await orders.request({ path: '/' });

  expect([statusCode, requests]).toEqual([503, ['a GET /', 'b GET /']]);
});

describe('retries.budget', () => {
  test('allows no retry with a ratio and a rate of 0, and leaves the budget of other calls alone', async () => {
    const { orders } = setup(reset);
    const none = { retries: { budget: { ratio: 0, minPerSecond: 0 } } };

    const error = await clerkErrorOf(orders.json('/', none));

    expect([error.code, error.outcomes.length]).toEqual(['BUDGET_EXHAUSTED', 1]);
    expect((await clerkErrorOf(orders.json('/'))).outcomes).toHaveLength(5);
  });

  test('of a request pays for its hedges', async () => {
    const { orders, requests } = setup((_request, id) => ({ delayMs: id === 'a' ? 100 : 1 }), {
      bind: { hedge: { afterMs: 10, budgetRatio: 1 } },
    });
    await orders.json('/warm-up', { retries: false });
    requests.length = 0;
    const before = orders.explain().retriesLeft;

    for (let i = 0; i < 3; i++) await orders.json('/', { retries: { budget: { minPerSecond: 5 } } });

    expect(requests.length).toBeGreaterThan(3);
    expect(orders.explain().retriesLeft).toBe(before);
  });

  test('is shared by the bindings of a name with the same limits', async () => {
    const { clerk } = setup(reset);
    const retries = { budget: { ratio: 0, minPerSecond: 0.3 } };
    const [one, other] = [clerk.bind('/shop/orders', { retries }), clerk.bind('/shop/orders', { retries })];

    const first = await clerkErrorOf(one.json('/'));
    const second = await clerkErrorOf(other.json('/'));

    expect(first.outcomes.length).toBeGreaterThan(1);
    expect([second.code, second.outcomes.length]).toEqual(['BUDGET_EXHAUSTED', 1]);
  });
});

describe('attemptTimeoutMs', () => {
  const hangAtA = (_request: MemoryRequest, id: string): ServerReply =>
    id === 'a' ? { behavior: 'hang' } : {};

  test.each<[string, Settings, Settings, number]>([
    ['250 ms without a setting', {}, {}, 250],
    ['the number of the binding', { attemptTimeoutMs: 60 }, {}, 60],
    ['the number of the request', { attemptTimeoutMs: 60 }, { attemptTimeoutMs: 400 }, 400],
    ['at most the maximum', { attemptTimeoutMs: { max: 100 } }, {}, 100],
    ['at least the minimum', { attemptTimeoutMs: { min: 600 } }, {}, 600],
  ])('a second attempt joins a silent one after %s', async (_when, bind, request, ms) => {
    const { orders, runtime } = setup(hangAtA, { bind: bind });
    const startedAt = runtime.now();

    expect(await orders.json('/', request)).toBe('b');

    const tookMs = runtime.now() - startedAt;
    expect(tookMs).toBeGreaterThanOrEqual(ms);
    expect(tookMs).toBeLessThan(ms + 25);
  });

  test('no attempt joins a silent one with retries: false', async () => {
    const { orders, requests } = setup(hangAtA, { bind: { retries: false, timeoutMs: 3_000 } });

    expect((await clerkErrorOf(orders.json('/'))).code).toBe('DEADLINE_EXCEEDED');

    expect(requests).toEqual(['a GET /']);
  });

  test.each<[string, BindOptions, Settings]>([
    ['hedge', { hedge: { afterMs: 10 } }, { retries: false }],
    ['the policy first-to-respond', { policy: 'first-to-respond' }, { retries: false }],
  ])('no second attempt is sent with retries: false in spite of %s', async (_which, bind, request) => {
    const { orders, requests } = setup(() => ({ delayMs: 200 }), { bind });

    await orders.json('/', request);

    expect(requests).toHaveLength(1);
  });

  test('the setting of a call() applies to its attempts', async () => {
    const { orders, runtime } = setup(() => ({}));
    const startedAt = runtime.now();

    const value = await orders.call(({ id }) => (id === 'a' ? new Promise<string>(() => undefined) : id), {
      kind: 'safe',
      attemptTimeoutMs: 70,
    });

    expect([value, Math.floor((runtime.now() - startedAt) / 10)]).toEqual(['b', 7]);
  });
});

describe('routeOf', () => {
  test('receives the method and path of each request, and separates their attempt timeouts', async () => {
    const seen = new Set<string>();
    const { orders } = setup(({ path }) => ({ delayMs: path.startsWith('/slow') ? 200 : 1 }), {
      bind: {
        routeOf: (method, path) => {
          seen.add(`${method} ${path}`);
          return path.startsWith('/slow') ? 'slow' : 'fast';
        },
      },
    });
    for (let i = 0; i < 40; i++) {
      await orders.json(`/${String(i % 2)}/fast`);
      await orders.json(`/slow/${String(i % 2)}`);
    }

    expect([...seen].sort()).toEqual(['GET /0/fast', 'GET /1/fast', 'GET /slow/0', 'GET /slow/1']);
    // '/' belongs to the class 'fast', whose attempt timeout the slow requests do not raise.
    expect(orders.explain().attemptTimeoutMs).toBeLessThan(50);
  });

  test.each([
    ['returns no string', () => 7, 'must return a string; got 7'],
    ['returns a promise', () => Promise.resolve('orders'), 'must return a string'],
    [
      'throws',
      () => {
        throw new Error('no class');
      },
      'no class',
    ],
  ])('fails the call when it %s', async (_how, routeOf, message) => {
    const { orders, requests } = setup(() => ({}), { bind: { routeOf: routeOf as never } });
    for (const call of [orders.json('/'), orders.request({ path: '/' })]) {
      const error = await clerkErrorOf(call);
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toContain('routeOf function of /shop/orders');
      expect(error.message).toContain(message);
    }
    expect(requests).toEqual([]);
  });
});

describe('probe', () => {
  async function eject(bind: BindOptions) {
    const given = setup(() => ({}), { bind });
    given.network.server('http://a').refuse();
    await given.orders.json('/');
    given.network.server('http://a').accept();
    for (let i = 0; i < 30; i++) {
      await given.runtime.advance(100);
      await given.orders.json('/');
    }
    return given;
  }

  test.each<[BindOptions, string]>([
    [{}, 'a OPTIONS /'],
    [{ probe: { path: '/health' } }, 'a OPTIONS /health'],
    [{ probe: { method: 'GET', path: '/health?deep=0' } }, 'a GET /health?deep=0'],
  ])('with %j an ejected endpoint is probed by the request', async (bind, expected) => {
    const { probes, orders } = await eject(bind);

    expect(probes).toEqual([expected]);
    expect(await orders.json('/')).toBe('a');
  });

  test('with false an ejected endpoint gets no probe, and returns after a call', async () => {
    const { probes, orders } = await eject({ probe: false });

    expect(probes).toEqual([]);
    expect(await orders.json('/')).toBe('a');
  });
});
