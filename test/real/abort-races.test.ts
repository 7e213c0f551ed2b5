/** Aborting a call, destroying the clerk or removing an endpoint at critical moments: one result, and no call stays in flight. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import type { Registry, Snapshot } from 'binding-clerk/extend';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { fullBacklogListener } from './full-backlog-listener.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

describe('two hedged attempts', () => {
  test('responses are never mixed when an endpoint is removed meanwhile', async () => {
    const unresponsive = await fullBacklogListener();
    onTestFinished(() => unresponsive.close());
    const other = await webServer((_request, response) => void response.end('a'));
    const half = await webServer((_request, response) => {
      void sleep(450).then(() => {
        response.writeHead(200);
        response.write('half of b;');
      });
    });
    const whole = await webServer(
      (_request, response) => void sleep(100).then(() => response.end('all of c')),
    );
    const withdrawn = { id: 'a', addresses: [unresponsive.address, other.address] };
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

  test('both end when the request itself is invalid', async () => {
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

describe('aborted in the same tick', () => {
  test.each(['abort', 'destroy'])('call() never runs: %s', async (how) => {
    const server = await webServer((_request, response) => void response.end('x'));
    const { orders, clerk } = testClerk([server.address]);
    await orders.text('/');
    const controller = new AbortController();
    let runs = 0;
    let callSignal: AbortSignal | undefined;
    const call = orders.call(
      (_endpoint, { signal }) => {
        runs++;
        callSignal = signal;
        return new Promise(() => undefined);
      },
      { signal: controller.signal, timeoutMs: 200 },
    );
    if (how === 'abort') controller.abort();
    else void clerk.destroy();
    const { code, execution } = await clerkErrorOf(call);
    await sleep(50);
    expect(code).toBe(how === 'abort' ? 'ABORTED' : 'CLERK_CLOSED');
    // Either it never ran, or its signal aborts and the execution is unknown.
    expect([runs, execution]).toEqual(runs === 0 ? [0, 'none'] : [1, 'unknown']);
    expect(callSignal?.aborted ?? true).toBe(true);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });

  test('acquire() counts as one finished call', async () => {
    const server = await webServer((_request, response) => void sleep(300).then(() => response.end('x')));
    const { orders, clerk } = testClerk([server.address]);
    await orders.text('/');
    const slow = orders.text('/');
    const controller = new AbortController();
    const acquired = orders.acquire({ signal: controller.signal });
    controller.abort();
    expect((await clerkErrorOf(acquired)).code).toBe('ABORTED');
    await clerk.close();
    expect(await slow).toBe('x');
  });
});

describe('aborted between the decision to fail over and the next attempt', () => {
  test.each(['a listener', 'a microtask', 'a policy'])('nothing more is sent: %s', async (how) => {
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

  test('a call that a listener aborts when its endpoint is picked opens no connection', async () => {
    const server = await webServer((_request, response) => void response.end('y'));
    let connections = 0;
    server.server.on('connection', () => connections++);
    const { orders, clerk } = testClerk([server.address]);
    await clerk.resolve(orders.name);
    const controller = new AbortController();
    clerk.once('picked', () => controller.abort());

    const error = await clerkErrorOf(orders.request({ path: '/', signal: controller.signal }));
    await sleep(50);

    expect([error.code, error.execution, connections]).toEqual(['ABORTED', 'none', 0]);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });

  test('call() does not run its function again', async () => {
    const controller = new AbortController();
    const { orders, clerk } = testClerk(['http://127.0.0.1:1', 'http://127.0.0.1:2']);
    clerk.on('failover', () => controller.abort());
    let runs = 0;
    const call = orders.call(
      () => {
        runs++;
        throw new Error('no');
      },
      { kind: 'idempotent', signal: controller.signal },
    );
    expect((await clerkErrorOf(call)).code).toBe('ABORTED');
    await sleep(20);
    expect(runs).toBe(1);
  });

  test('the number of calls in flight stays correct', async () => {
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
