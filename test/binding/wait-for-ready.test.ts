/**
 * A call with `waitForReady` waits for its service until its deadline. Another call fails at once, but only on what the
 * registry states now.
 * @see [C2.8](../../docs/guarantees.md#c2-8)
 */
import { createClerk, type BindOptions, type EndpointInit } from 'binding-clerk';
import type { Registry, Resolution, Snapshot } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { atMostOnceAttribute, callHeaders } from '../../src/protocol/call-headers.js';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const absent: Resolution = { kind: 'absent', ttlMs: 5_000 };
const bound = (...endpoints: readonly (Partial<EndpointInit> & { readonly id: string })[]): Resolution => ({
  kind: 'bound',
  endpoints: endpoints.map((one) => ({ ...one, address: `http://${one.id}` })),
  ttlMs: 60_000,
});
const a = { id: 'a' };

function setup(first: Resolution | Error, { isWatched = false, maxPending = 1_024 } = {}) {
  const runtime = createFakeRuntime({ seed: 5, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const server = network.server('http://a');
  server.handler = () => ({ statusCode: 200, body: '"a"' });
  const port = { answer: first, lookups: 0 };
  const watchers = new Set<(snapshot: Snapshot) => void>();
  const registry: Registry = {
    resolve: () => {
      port.lookups++;
      if (port.answer instanceof Error) throw port.answer;
      return port.answer;
    },
    ...(isWatched && {
      watch: (_name: string, onSnapshot: (snapshot: Snapshot) => void) => {
        watchers.add(onSnapshot);
        return () => watchers.delete(onSnapshot);
      },
    }),
  };
  const clerk = createClerk({ registry, runtime, maxPending });
  onTestFinished(() => clerk.destroy());
  const change = (answer: Resolution): void => {
    port.answer = answer;
    for (const watcher of watchers) watcher({ '/shop/orders': answer });
  };
  const bind = (options: BindOptions = {}) => clerk.bind('/shop/orders', options);
  return { runtime, server, port, change, bind };
}

test.each([
  ['the name is not registered', absent, {}],
  ['the service has no endpoint', bound(), {}],
  ['no endpoint has the version', bound({ id: 'b', version: '1.0.0' }), { version: '^2.0.0' }],
  ['the registry does not respond', new Error('down'), {}],
] as const)(
  'while %s, calls with waitForReady wait, and share paced lookups',
  async (_what, first, options) => {
    const { bind, runtime, change, port } = setup(first);
    const orders = bind({ ...options, waitForReady: true });
    runtime.setTimer(() => change(bound({ id: 'a', version: '2.0.0' })), 4_000);
    const calls = await Promise.all(Array.from({ length: 50 }, () => orders.json('/')));
    expect(calls).toEqual(Array.from({ length: 50 }, () => 'a'));
    expect(runtime.now()).toBeGreaterThanOrEqual(4_000);
    expect(runtime.now()).toBeLessThan(5_500);
    expect(port.lookups).toBeLessThan(25);
  },
);

test('a watch ends the wait at once', async () => {
  const { bind, runtime, change } = setup(absent, { isWatched: true });
  runtime.setTimer(() => change(bound(a)), 3_000);
  expect(await bind().json('/', { waitForReady: true })).toBe('a');
  expect(runtime.now()).toBeLessThan(3_020);
});

test('a restart of the only instance fails no call with waitForReady, of any kind', async () => {
  const { bind, runtime, server } = setup(bound(a));
  const orders = bind({ waitForReady: true });
  expect(await orders.json('/')).toBe('a');
  server.kill();
  runtime.setTimer(() => server.accept(), 3_000);
  const results = await Promise.all([
    orders.json('/'),
    orders.json('/', { method: 'POST' }),
    orders.call(({ id }) => id, { kind: 'once' }),
    orders.acquire().then((acquired) => {
      acquired.release('success');
      return acquired.endpoint.id;
    }),
  ]);
  expect(results).toEqual(['a', 'a', 'a', 'a']);
  expect(server.requests).toBe(3);
});

test('a call that does not wait names the option that waits', async () => {
  const { bind } = setup(absent);
  const error = await clerkErrorOf(bind().json('/'));
  expect(error).toMatchObject({ code: 'NAME_NOT_FOUND', execution: 'none' });
  expect(error.message).toMatch(/check the name, set waitForReady .*, or give bind\(\) a factory/);
});

test('at its deadline the call says for what it waited', async () => {
  const { bind, runtime } = setup(absent);
  const error = await clerkErrorOf(bind().json('/', { timeoutMs: 2_000, waitForReady: true }));
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  expect(error.message).toContain('No service is registered as /shop/orders');
  expect(error.cause).toMatchObject({ code: 'NAME_NOT_FOUND' });
  expect(runtime.now()).toBeGreaterThanOrEqual(2_000);
});

test('waiting calls count for maxPending, also after a refused attempt', async () => {
  const limited = ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'LIMIT_EXCEEDED'];
  const codesOf = (calls: readonly Promise<unknown>[]): Promise<string[]> =>
    Promise.all(calls.map((call) => clerkErrorOf(call).then(({ code }) => code))).then((codes) =>
      codes.sort(),
    );
  const unknown = setup(absent, { maxPending: 2 }).bind({ waitForReady: true });
  expect(await codesOf([1, 2, 3].map(() => unknown.json('/')))).toEqual(limited);

  const { bind, server, runtime } = setup(bound(a), { maxPending: 2 });
  const known = bind({ waitForReady: true });
  await known.json('/');
  server.kill();
  expect(await codesOf([1, 2, 3].map(() => known.json('/')))).toEqual(limited);
  server.accept();
  await known.ready();
  server.kill();
  // The connection that ready() opened is lost.
  await runtime.advance(1);
  expect(await codesOf([1, 2, 3].map(() => known.ready()))).toEqual(limited);
});

test('a call that may have run does not wait', async () => {
  const { bind, runtime, server } = setup(bound(a));
  server.handler = () => {
    server.kill();
    return { behavior: 'hang' };
  };
  const error = await clerkErrorOf(bind().json('/', { method: 'POST', waitForReady: true }));
  expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', execution: 'unknown' });
  expect(runtime.now()).toBeLessThan(5_000);
});

test('a call that is recorded waits for the instance that may have run it, and its error names the call', async () => {
  const { bind, runtime, server } = setup(bound({ ...a, attributes: { [atMostOnceAttribute]: 'store' } }));
  const orders = bind({ timeoutMs: 10_000 });
  const ids: (string | undefined)[] = [];
  const dieOnce = (): void => {
    server.handler = ({ headers }) => {
      ids.push(headers[callHeaders.callId]);
      server.kill();
      server.handler = ({ headers: repeated }) => {
        ids.push(repeated[callHeaders.callId]);
        return { body: '"replayed"' };
      };
      return { behavior: 'hang' };
    };
  };
  dieOnce();
  runtime.setTimer(() => server.accept(), 6_000);
  expect(await orders.json('/', { method: 'POST' })).toBe('replayed');
  expect(runtime.now()).toBeGreaterThanOrEqual(6_000);
  expect(new Set(ids).size).toBe(1);

  dieOnce();
  const error = await clerkErrorOf(orders.json('/', { method: 'POST', timeoutMs: 2_000 }));
  expect(error).toMatchObject({ execution: 'unknown', callId: ids.at(-1) });
  expect(error.message).toContain(`the call with the id ${String(ids.at(-1))} may have run`);
});

test('ready() waits until the service is there, or for its timeout or signal', async () => {
  const { bind, runtime, change } = setup(absent);
  const orders = bind();
  expect(await clerkErrorOf(orders.ready({ timeoutMs: 1_000 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  const controller = new AbortController();
  runtime.setTimer(() => controller.abort(), 500);
  expect(await clerkErrorOf(orders.ready({ signal: controller.signal }))).toMatchObject({ code: 'ABORTED' });
  runtime.setTimer(() => change(bound(a)), 5_000);
  await orders.ready();
  expect(runtime.now()).toBeGreaterThanOrEqual(6_500);
  expect(runtime.now()).toBeLessThan(8_000);
});

test('a remembered absence is looked up again before a call fails, at most every 10 ms', async () => {
  const { bind, runtime, port, change } = setup(absent);
  const orders = bind();
  expect(await clerkErrorOf(orders.json('/'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
  expect(port.lookups).toBe(1);
  await runtime.advance(1);
  change(bound(a));
  expect(await orders.json('/')).toBe('a');
  expect(runtime.now()).toBeLessThan(50);

  change(absent);
  const other = setup(absent);
  for (let i = 0; i < 1_000; i++) {
    void clerkErrorOf(other.bind().json('/'));
    await other.runtime.advance(0.1);
  }
  expect(other.port.lookups).toBeLessThan(15);
});
