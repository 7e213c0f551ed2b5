/**
 * What a program may do at the worst moment: give up between a decision and its execution, throw out of its own
 * callbacks, withdraw an endpoint under two attempts. A call has one end, told truly; nothing is left counted; nobody else
 * is blamed.
 */
import type { Dispatcher } from 'undici';
import { interceptors } from 'undici';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk, type Clerk } from 'binding-clerk';
import type { Candidate, Registry, Snapshot } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { fullBacklogListener } from './full-backlog-listener.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

const origin = 'http://orders.shop.clerk';
const old = (handler: object) => handler as unknown as Dispatcher.DispatchHandler;

describe('two attempts at a time', () => {
  test('answers are never mixed, whoever withdraws meanwhile', async () => {
    const deaf = await fullBacklogListener();
    onTestFinished(() => deaf.close());
    const other = await webServer((_request, response) => void response.end('a'));
    const half = await webServer((_request, response) => {
      void sleep(290).then(() => {
        response.writeHead(200);
        response.write('half of b;');
      });
    });
    const whole = await webServer(
      (_request, response) => void sleep(100).then(() => response.end('all of c')),
    );
    const withdrawn = { id: 'a', addresses: [deaf.address, other.address] };
    const rest = [
      { id: 'b', address: half.address },
      { id: 'c', address: whole.address },
    ];
    let push: (snapshot: Snapshot) => void = () => undefined;
    const registry: Registry = {
      resolve: () => ({ kind: 'bound', endpoints: [withdrawn, ...rest], ttlMs: 60_000 }),
      watch: (_glob, onSnapshot) => {
        push = onSnapshot;
        return () => undefined;
      },
    };
    const clerk = createClerk({ registry });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders', {
      hedge: { afterMs: 20, budgetRatio: 1 },
      policy: (all) => all.reduce((best, one) => (one.pending < best.pending ? one : best)),
    });

    const text = orders.text('/', { timeoutMs: 3_000 });
    await sleep(100);
    push(new Map([['/shop/orders', { kind: 'bound', endpoints: rest, ttlMs: 60_000 }]]));

    expect(await text).toBe('all of c');
    await expect.poll(() => orders.explain().candidates.map(({ pending }) => pending)).toEqual([0, 0]);
  });

  test('both are given back when the request itself cannot be sent', async () => {
    const make = () =>
      webServer((request, response) => void request.resume().on('end', () => response.end('x')));
    const { orders } = testClerk(
      [(await make()).address, (await make()).address],
      {},
      { hedge: { afterMs: 0, budgetRatio: 1 } },
    );
    const headers = { 'content-length': '7' };
    const error = await clerkErrorOf(
      orders.text('/', { method: 'PUT', kind: 'idempotent', body: 'abc', headers }),
    );
    expect(error.code).toBe('CONFIG_INVALID');
    await expect.poll(() => orders.explain().candidates.map(({ pending }) => pending)).toEqual([0, 0]);
  });
});

describe('given up in the same tick', () => {
  test.each(['abort', 'destroy'])('call() never runs: %s', async (how) => {
    const server = await webServer((_request, response) => void response.end('x'));
    const { orders, clerk } = testClerk([server.address]);
    await orders.text('/');
    const controller = new AbortController();
    let talks = 0;
    let told: AbortSignal | undefined;
    const call = orders.call(
      (_endpoint, { signal }) => {
        talks++;
        told = signal;
        return new Promise(() => undefined);
      },
      { signal: controller.signal, timeoutMs: 200 },
    );
    if (how === 'abort') controller.abort();
    else void clerk.destroy();
    const { code, execution } = await clerkErrorOf(call);
    await sleep(50);
    expect(code).toBe(how === 'abort' ? 'ABORTED' : 'CLERK_CLOSED');
    // Either it never ran, or it is told, and nobody says that it did not.
    expect([talks, execution]).toEqual(talks === 0 ? [0, 'none'] : [1, 'unknown']);
    expect(told?.aborted ?? true).toBe(true);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });

  test('acquire() leaves what counts calls once', async () => {
    const server = await webServer((_request, response) => void sleep(300).then(() => response.end('x')));
    const { orders, clerk } = testClerk([server.address]);
    await orders.text('/');
    const slow = orders.text('/');
    const controller = new AbortController();
    const held = orders.acquire({ signal: controller.signal });
    controller.abort();
    expect((await clerkErrorOf(held)).code).toBe('ABORTED');
    await clerk.close();
    expect(await slow).toBe('x');
  });
});

describe('given up between the decision to go elsewhere and doing it', () => {
  test.each(['a listener', 'a microtask', 'a policy'])('nothing is sent any more: %s', async (how) => {
    const server = await webServer((_request, response) => void response.end('y'));
    const controller = new AbortController();
    let picks = 0;
    const { orders, clerk } = testClerk(
      [await unusedAddress(), server.address],
      {},
      {
        policy: ([candidate]) => {
          picks++;
          if (how === 'a microtask' && picks === 2)
            void Promise.resolve()
              .then(() => undefined)
              .then(() => undefined)
              .then(() => undefined)
              .then(() => controller.abort());
          if (how === 'a policy' && picks === 2) controller.abort();
          return candidate;
        },
      },
    );
    if (how === 'a listener') clerk.on('failover', () => controller.abort());

    const error = await clerkErrorOf(
      orders.request({ path: '/', method: 'POST', signal: controller.signal }),
    );
    await sleep(100);

    expect([error.code, server.requests.length]).toEqual(['ABORTED', error.execution === 'none' ? 0 : 1]);
    if (how !== 'a microtask') expect(error.execution).toBe('none');
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });

  test('call() does not talk again', async () => {
    const controller = new AbortController();
    const { orders, clerk } = testClerk(['http://127.0.0.1:1', 'http://127.0.0.1:2']);
    clerk.on('failover', () => controller.abort());
    let talks = 0;
    const call = orders.call(
      () => {
        talks++;
        throw new Error('no');
      },
      { kind: 'idempotent', signal: controller.signal },
    );
    expect((await clerkErrorOf(call)).code).toBe('ABORTED');
    await sleep(20);
    expect(talks).toBe(1);
  });

  test('what counts calls stays right', async () => {
    const server = await webServer((request, response) => {
      void sleep(request.url === '/slow' ? 300 : 0).then(() => response.end('y'));
    });
    const { orders, clerk } = testClerk([await unusedAddress(), server.address]);
    const controller = new AbortController();
    clerk.once('failover', () => controller.abort());
    await clerkErrorOf(orders.request({ path: '/', signal: controller.signal }));
    await sleep(50);
    const slow = orders.text('/slow');
    await clerk.close();
    expect(await slow).toBe('y');
  });
});

describe('a policy that says "nobody" now and then', () => {
  const moody = () => {
    let picks = 0;
    return ([candidate]: readonly Candidate[]) => (picks++ % 2 === 0 ? candidate : undefined);
  };

  test('fails the call, and the process goes on', async () => {
    const server = await webServer((_request, response) => void response.end('y'));
    const { orders } = testClerk([server.address], {}, { policy: moody() });
    let beats = 0;
    const timer = setInterval(() => beats++, 5);
    onTestFinished(() => clearInterval(timer));
    expect(await orders.text('/', { timeoutMs: 500 })).toBe('y');
    const error = await clerkErrorOf(orders.text('/', { timeoutMs: 500 }));
    expect([error.code, error.execution]).toEqual(['NO_ENDPOINT', 'none']);
    await sleep(50);
    expect(beats).toBeGreaterThan(0);
  });

  test('in call() too', async () => {
    const { orders } = testClerk(['http://127.0.0.1:1'], {}, { policy: moody() });
    expect(await orders.call(() => 1, { timeoutMs: 500 })).toBe(1);
    expect((await clerkErrorOf(orders.call(() => 1, { timeoutMs: 500 }))).code).toBe('NO_ENDPOINT');
  });
});

describe('handlers that throw', () => {
  test('in onConnect: it is told, and nothing is left counted', async () => {
    const server = await webServer((_request, response) => void response.end('y'));
    const { clerk } = testClerk([server.address]);
    const errors: string[] = [];
    clerk.dispatcher.dispatch(
      { origin, path: '/', method: 'GET' },
      old({
        onConnect() {
          throw new Error('no thanks');
        },
        onHeaders: () => true,
        onData: () => true,
        onComplete() {},
        onError: (error: Error) => errors.push(error.message),
      }),
    );
    const closed = await Promise.race([clerk.close().then(() => 'closed'), sleep(1_000).then(() => 'hangs')]);
    expect(closed).toBe('closed');
    expect(errors).toEqual(['no thanks']);
    expect(server.requests).toEqual([]);
  });

  test.each(['onResponseStart', 'onResponseData', 'onResponseEnd'] as const)(
    'in %s: it is told its own error, and nobody else is blamed',
    async (where) => {
      const make = () => webServer((_request, response) => void response.end('x'));
      const [a, b] = [await make(), await make()];
      const { clerk, orders } = testClerk([a.address, b.address]);
      const ejected: unknown[] = [];
      clerk.on('ejected', (event) => ejected.push(event));
      const mine = new Error('mine');
      const error = await new Promise((resolve) => {
        clerk.dispatcher.dispatch(
          { origin, path: '/', method: 'GET' },
          {
            onRequestStart() {},
            onResponseStart() {},
            onResponseData() {},
            onResponseEnd() {},
            onResponseError: (_controller: unknown, told: Error) => resolve(told),
            [where]() {
              throw mine;
            },
          },
        );
      });
      expect(error).toBe(mine);
      expect(ejected).toEqual([]);
      expect(a.requests.length + b.requests.length).toBe(1);
      expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0, 0]);
    },
  );

  test('onInfo: the call ends with what it threw', async () => {
    const make = () =>
      webServer((_request, response) => {
        response.writeProcessing();
        response.end('y');
      });
    const [a, b] = [await make(), await make()];
    const { orders } = testClerk([a.address, b.address]);
    const mine = new Error('mine');
    const error = await clerkErrorOf(
      orders.request({
        path: '/',
        onInfo() {
          throw mine;
        },
      }),
    );
    expect([error.code, error.cause]).toEqual(['ABORTED', mine]);
    expect(a.requests.length + b.requests.length).toBe(1);
    expect(orders.explain().candidates).toHaveLength(2);
  });

  test('on an answer that was kept: the process lives, and it is told', async () => {
    const sorry = await webServer((_request, response) => void response.writeHead(503).end('sorry'));
    const { clerk } = testClerk([sorry.address, await unusedAddress()]);
    const dump = interceptors.dump({ maxSize: 2 });
    for (let i = 0; i < 3; i++) {
      const error = await new Promise((resolve) => {
        clerk.dispatcher.compose(dump).dispatch(
          { origin, path: '/', method: 'GET' },
          {
            onRequestStart() {},
            onResponseStart() {},
            onResponseData() {},
            onResponseEnd: () => resolve('answered'),
            onResponseError: (_controller: unknown, told: Error) => resolve(told.message),
          },
        );
      });
      expect(error).toMatch(/maxSize/);
    }
  });

  test('on an answer that was kept, at the deadline', async () => {
    const sorry = await webServer((_request, response) => void response.writeHead(503).end('sorry'));
    const silent = await webServer(() => undefined);
    const { clerk } = testClerk([sorry.address, silent.address]);
    const mine = new Error('mine');
    const error = await new Promise((resolve) => {
      clerk.dispatcher.dispatch(
        { origin, path: '/', method: 'GET', timeoutMs: 400 } as Dispatcher.DispatchOptions,
        {
          onRequestStart() {},
          onResponseStart() {
            throw mine;
          },
          onResponseData() {},
          onResponseEnd() {},
          onResponseError: (_controller: unknown, told: Error) => resolve(told),
        },
      );
    });
    expect(error).toBe(mine);
  });

  test('a generator for a body: the call is given up, and nobody is blamed', async () => {
    const make = () =>
      webServer((request, response) => void request.resume().on('end', () => response.end('y')));
    const { orders, clerk } = testClerk([(await make()).address, (await make()).address]);
    const ejected: unknown[] = [];
    clerk.on('ejected', (event) => ejected.push(event));
    const body = (function* () {
      yield 'a';
      throw new Error('mine');
    })();
    const error = await clerkErrorOf(orders.text('/', { method: 'POST', body }));
    expect([error.code, error.message, ejected]).toEqual(['ABORTED', expect.stringContaining('mine'), []]);
  });
});

describe('time', () => {
  test('an answer that was kept stands alone when the deadline cuts another one off', async () => {
    const sorry = await webServer((_request, response) => void response.writeHead(503).end('sorry'));
    const half = await webServer((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('HALF OF B');
    });
    const { orders } = testClerk([sorry.address, half.address]);
    const error = await clerkErrorOf(orders.text('/', { timeoutMs: 600 }));
    expect(error).toMatchObject({ code: 'BAD_STATUS', statusCode: 503, bodyText: 'sorry' });
  });

  test.each([undefined, 500])('gather() has its time once, the look-up included: %s', async (timeoutMs) => {
    const { clerk, runtime } = slowLookUp(450, { timeoutMs: 500 });
    const beganAt = runtime.now();
    const [gathered] = await clerk
      .bind('/shop/orders')
      .gather({ path: '/', ...(timeoutMs !== undefined && { timeoutMs }) });
    expect(gathered).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' } });
    expect(runtime.now() - beganAt).toBeLessThanOrEqual(520);
  });

  test('clerk.request() has its time once, the look-up included', async () => {
    const { clerk, runtime } = slowLookUp(150);
    const beganAt = runtime.now();
    const error = await clerkErrorOf(clerk.request('/shop/orders', { timeoutMs: 200 }));
    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
    expect(runtime.now() - beganAt).toBeLessThanOrEqual(220);
  });

  test('clerk.request() does not wait longer than it may for the look-up', async () => {
    const { clerk, runtime } = slowLookUp(60_000);
    const beganAt = runtime.now();
    const error = await clerkErrorOf(clerk.request('/shop/orders', { timeoutMs: 200 }));
    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    expect(runtime.now() - beganAt).toBeLessThanOrEqual(220);
  });

  test('nothing is sent with next to no time left', async () => {
    const { clerk, told } = slowLookUp(495);
    const error = await clerkErrorOf(
      clerk.bind('/shop/orders').text('/', { method: 'POST', timeoutMs: 500 }),
    );
    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    expect(told).toEqual([]);
  });

  test.each([
    ['clerk.request', (clerk: Clerk) => clerk.request('/shop/orders/7', { method: 'POST', timeoutMs: 500 })],
    ['gather', (clerk: Clerk) => clerk.bind('/shop/orders').gather({ path: '/', timeoutMs: 500 })],
  ])('nor by %s', async (_what, call) => {
    const { clerk, told } = slowLookUp(495);
    const error = await clerkErrorOf(call(clerk));
    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    expect(told).toEqual([]);
  });

  test('little time is enough where the program gives no more', async () => {
    const { clerk } = slowLookUp(0, {}, 0);
    expect(await clerk.bind('/shop/orders').text('/', { timeoutMs: 8 })).toBe('a');
  });

  test('a wait that was asked for ends with the call', async () => {
    const { clerk, runtime, network } = slowLookUp(0);
    network.server('http://a').handler = () => ({ statusCode: 503, headers: { 'retry-after': '8' } });
    const controller = new AbortController();
    const call = clerk.bind('/shop/orders').text('/', { signal: controller.signal });
    await runtime.advance(200);
    controller.abort();
    expect((await clerkErrorOf(call)).code).toBe('ABORTED');
    expect(runtime.refTimers).toBe(0);
  });
});

test('who listens for the body being sent hears of it after another address was tried', async () => {
  const deaf = await fullBacklogListener();
  onTestFinished(() => deaf.close());
  const server = await webServer(
    (request, response) => void request.resume().on('end', () => response.end('x')),
  );
  const { clerk } = testClerk([{ id: 'a', addresses: [deaf.address, server.address] }]);
  let sent = 0;
  await new Promise<void>((resolve) => {
    clerk.dispatcher.dispatch(
      { origin, path: '/', method: 'PUT', body: 'abc' },
      old({
        onConnect() {},
        onHeaders: () => true,
        onData: () => true,
        onComplete: () => resolve(),
        onError: () => resolve(),
        onRequestSent: () => {
          sent++;
        },
      }),
    );
  });
  expect(sent).toBe(1);
});

/** In virtual time: a registry that takes long to answer, and a server `a`. */
function slowLookUp(lookUpMs: number, record: { readonly timeoutMs?: number } = {}, delayMs = 60_000) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const told: (string | undefined)[] = [];
  network.server('http://a').handler = ({ headers }) => {
    told.push(headers['clerk-timeout-ms']);
    return { statusCode: 200, body: 'a', delayMs };
  };
  const registry: Registry = {
    resolve: async (name) => {
      await new Promise<void>((resolve) => runtime.setTimer(resolve, lookUpMs));
      if (name !== '/shop/orders') return { kind: 'absent' };
      return { kind: 'bound', endpoints: [{ id: 'a', address: 'http://a' }], ttlMs: 60_000, ...record };
    },
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  return { clerk, runtime, network, told };
}
