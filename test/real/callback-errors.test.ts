/** Policies, handlers and bodies of the application that throw or pick no endpoint: the call ends once, and no endpoint is ejected. */
import type { Dispatcher } from 'undici';
import { interceptors } from 'undici';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Candidate } from 'binding-clerk/extend';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { fullBacklogListener } from './full-backlog-listener.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

const origin = 'http://orders.shop.clerk';
const legacyHandler = (handler: object) => handler as unknown as Dispatcher.DispatchHandler;

describe('a policy that sometimes picks no endpoint', () => {
  const pickingEveryOther = () => {
    let picks = 0;
    return ([candidate]: readonly Candidate[]) => (picks++ % 2 === 0 ? candidate : undefined);
  };

  test('fails the call, and the event loop continues', async () => {
    const server = await webServer((_request, response) => void response.end('y'));
    const { orders } = testClerk([server.address], {}, { policy: pickingEveryOther() });
    let beats = 0;
    const timer = setInterval(() => beats++, 5);
    onTestFinished(() => clearInterval(timer));
    expect(await orders.text('/', { timeoutMs: 500 })).toBe('y');
    const error = await clerkErrorOf(orders.text('/', { timeoutMs: 500 }));
    expect([error.code, error.execution]).toEqual(['NO_ENDPOINT', 'none']);
    await sleep(50);
    expect(beats).toBeGreaterThan(0);
  });

  test('a call() without a pick rejects with NO_ENDPOINT', async () => {
    const { orders } = testClerk(['http://127.0.0.1:1'], {}, { policy: pickingEveryOther() });
    expect(await orders.call(() => 1, { timeoutMs: 500 })).toBe(1);
    expect((await clerkErrorOf(orders.call(() => 1, { timeoutMs: 500 }))).code).toBe('NO_ENDPOINT');
  });
});

describe('handlers that throw', () => {
  test('in onConnect: onError gets the error, and no call stays in flight', async () => {
    const server = await webServer((_request, response) => void response.end('y'));
    const { clerk } = testClerk([server.address]);
    const errors: string[] = [];
    clerk.dispatcher.dispatch(
      { origin, path: '/', method: 'GET' },
      legacyHandler({
        onConnect() {
          throw new Error('no thanks');
        },
        onHeaders: () => true,
        onData: () => true,
        onComplete() {},
        onError: (error: Error) => errors.push(error.message),
      }),
    );
    const closed = await Promise.race([
      clerk.close().then(() => 'closed'),
      sleep(1_000).then(() => 'timed out'),
    ]);
    expect(closed).toBe('closed');
    expect(errors).toEqual(['no thanks']);
    expect(server.requests).toEqual([]);
  });

  test.each(['onResponseStart', 'onResponseData', 'onResponseEnd'] as const)(
    'in %s: the handler gets its own error, and no endpoint is ejected',
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
            onResponseError: (_controller: unknown, error: Error) => resolve(error),
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

  test('in onInfo: the call ends with its error', async () => {
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

  test('on a deferred response: the handler gets the error', async () => {
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
            onResponseError: (_controller: unknown, error: Error) => resolve(error.message),
          },
        );
      });
      expect(error).toMatch(/maxSize/);
    }
  });

  test('on a deferred response delivered at the deadline', async () => {
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
          onResponseError: (_controller: unknown, error: Error) => resolve(error),
        },
      );
    });
    expect(error).toBe(mine);
  });

  test('in a generator used as the body: the call is aborted, and no endpoint is ejected', async () => {
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

test('upload progress is reported after another address was tried', async () => {
  const unresponsive = await fullBacklogListener();
  onTestFinished(() => unresponsive.close());
  const server = await webServer(
    (request, response) => void request.resume().on('end', () => response.end('x')),
  );
  const { clerk } = testClerk([{ id: 'a', addresses: [unresponsive.address, server.address] }]);
  let sent = 0;
  await new Promise<void>((resolve) => {
    clerk.dispatcher.dispatch(
      { origin, path: '/', method: 'PUT', body: 'abc' },
      legacyHandler({
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
