/**
 * Calls to a service whose endpoints have registered before they accept connections.
 *
 * @see [C5.9](../../docs/guarantees.md#c5-9)
 */
import { createClerk, union } from 'binding-clerk';
import type { Registry, Resolution, Snapshot } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const bound = (ids: readonly string[], starting?: number, more: object = {}): Resolution => ({
  kind: 'bound',
  endpoints: ids.map((id) => ({ id, address: `http://${id}` })),
  ttlMs: 60_000,
  ...(starting !== undefined && { starting }),
  ...more,
});

function setup(first: Resolution, wrap: (registry: Registry) => Registry = (registry) => registry) {
  const runtime = createFakeRuntime({ seed: 11, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  network.server('http://a').handler = () => ({ statusCode: 200, body: '"a"' });
  const port = { answer: first, lookups: 0, starts: 0 };
  const watchers = new Set<(snapshot: Snapshot) => void>();
  const registry: Registry = {
    resolve: () => {
      port.lookups++;
      return port.answer;
    },
    watch: (name, onSnapshot) => {
      watchers.add(onSnapshot);
      onSnapshot({ [name]: port.answer });
      return () => watchers.delete(onSnapshot);
    },
    start: async () => {
      port.starts++;
      return ['http://a'];
    },
  };
  const clerk = createClerk({ registry: wrap(registry), runtime });
  /** Changes the answer, and sends it to the watches if `isPushed`. */
  const change = (answer: Resolution, isPushed: boolean): void => {
    port.answer = answer;
    if (isPushed) for (const watcher of watchers) watcher({ '/shop/orders': answer });
  };
  return { clerk, runtime, network, port, change, orders: clerk.bind('/shop/orders') };
}

test.each([
  ['a watch', true],
  ['a lookup', false],
])('calls wait until %s shows that the starting endpoint is up', async (_by, isPushed) => {
  const { orders, runtime, change, port } = setup(bound([], 1));
  runtime.setTimer(() => change(bound(['a']), isPushed), 3_000);
  const calls = await Promise.all(Array.from({ length: 20 }, () => orders.json('/')));
  expect(calls).toEqual(Array.from({ length: 20 }, () => 'a'));
  const waitedMs = runtime.now();
  expect(waitedMs).toBeGreaterThanOrEqual(3_000);
  expect(waitedMs).toBeLessThan(isPushed ? 3_100 : 4_000);
  expect(port.lookups).toBeLessThan(12);
});

test('a call fails at its deadline while the endpoint is starting, and not before', async () => {
  const { orders, runtime } = setup(bound([], 1));
  const error = await clerkErrorOf(orders.json('/', { timeoutMs: 2_000 }));
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  expect(runtime.now()).toBeGreaterThanOrEqual(2_000);
});

test('a call fails with NO_ENDPOINT when the starting endpoint has ended', async () => {
  const { orders, runtime, change } = setup(bound([], 1));
  runtime.setTimer(() => change(bound([]), true), 1_000);
  expect(await clerkErrorOf(orders.json('/'))).toMatchObject({ code: 'NO_ENDPOINT' });
  expect(runtime.now()).toBeLessThan(2_000);
});

test('a service with another endpoint is called at once', async () => {
  const { orders, runtime } = setup(bound(['a'], 1));
  expect(await orders.json('/')).toBe('a');
  expect(runtime.now()).toBeLessThan(100);
});

test('the registry is asked for a start only when the starting endpoint has ended', async () => {
  const { orders, runtime, change, port } = setup(bound([], 1, { startable: true }));
  runtime.setTimer(() => {
    expect(port.starts).toBe(0);
    change(bound([], undefined, { startable: true }), true);
  }, 1_000);
  expect(await orders.json('/')).toBe('a');
  expect(port.starts).toBe(1);
});

test('resolve() and explain() show the number of starting endpoints', async () => {
  const { clerk, orders } = setup(bound(['a'], 2));
  expect(await clerk.resolve('/shop/orders')).toMatchObject({ starting: 2 });
  await orders.json('/');
  expect(orders.explain().starting).toBe(2);
  expect(String(orders.explain())).toContain('2 starting');
});

test('union() adds the starting endpoints of its registries', async () => {
  const { clerk } = setup(bound([], 2), (registry) => union(registry, { resolve: () => bound([], 1) }));
  expect(await clerk.resolve('/shop/orders')).toMatchObject({ starting: 3 });
});

test('a fraction of a starting endpoint is an invalid response', async () => {
  const { clerk } = setup(bound([], 0.5));
  expect(await clerkErrorOf(clerk.resolve('/shop/orders'))).toMatchObject({ code: 'REGISTRY_INVALID' });
});
