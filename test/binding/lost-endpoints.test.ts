/**
 * Calls to an endpoint that stops answering, and that the registry removes before the clerk has ejected it.
 *
 * @see [C6.4](../../docs/guarantees.md#c6-4)
 */
import { createClerk } from 'binding-clerk';
import type { Registry, Resolution, Snapshot } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, test } from 'vitest';
import { sleep } from '../../src/core/clock.js';

const bound = (...ids: string[]): Resolution => ({
  kind: 'bound',
  endpoints: ids.map((id) => ({ id, address: `http://${id}` })),
  ttlMs: 60_000,
  startable: true,
});

/**
 * A service whose only process stops answering at a call. Its launcher ends a silent process before it starts another.
 *
 * @param blockedMs - the first look takes this time, and proves nothing, because the event loop of the registry is blocked
 */
function setup({ blockedMs = 0 } = {}) {
  const runtime = createFakeRuntime({ seed: 11, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const id of ['a', 'b']) network.server(`http://${id}`).handler = () => ({ body: JSON.stringify(id) });
  let answer = bound('a');
  const starts: number[] = [];
  const watchers = new Set<(snapshot: Snapshot) => void>();
  const registry: Registry = {
    resolve: () => answer,
    watch: (_name, onSnapshot) => {
      watchers.add(onSnapshot);
      return () => watchers.delete(onSnapshot);
    },
    start: async () => {
      starts.push(runtime.now());
      if (starts.length === 1 && blockedMs > 0) {
        await sleep(runtime, blockedMs);
        return [{ id: 'a', address: 'http://a' }];
      }
      network.server('http://a').kill();
      answer = bound('b');
      return ['http://b'];
    },
  };
  const remove = (): void => {
    answer = bound();
    for (const watcher of watchers) watcher({ '/shop/orders': answer });
  };
  const clerk = createClerk({ registry, runtime });
  return { runtime, network, starts, remove, orders: clerk.bind('/shop/orders') };
}

test('a call at a silent endpoint that is removed asks for a start, and gets its answer', async () => {
  const { runtime, network, starts, remove, orders } = setup();
  for (let i = 0; i < 20; i++) await orders.json('/');
  network.server('http://a').pause();
  // Earlier than the ejection, which follows 1 s of silence.
  runtime.setTimer(remove, 600);
  const calledAt = runtime.now();
  expect(await orders.json('/', { timeoutMs: 30_000 })).toBe('b');
  expect(starts).toHaveLength(1);
  expect(runtime.now() - calledAt).toBeLessThan(1_500);
});

test('a call at an endpoint that answers, and is removed, asks for no start', async () => {
  const { runtime, network, starts, remove, orders } = setup();
  for (let i = 0; i < 20; i++) await orders.json('/');
  network.server('http://a').handler = () => ({ body: '"late"', delayMs: 300 });
  runtime.setTimer(remove, 5);
  expect(await orders.json('/', { kind: 'once', timeoutMs: 30_000 })).toBe('late');
  expect(starts).toEqual([]);
});

test('a single waiting call asks again after a look of the launcher that has proved nothing', async () => {
  const { runtime, network, starts, orders } = setup({ blockedMs: 5_000 });
  for (let i = 0; i < 20; i++) await orders.json('/');
  network.server('http://a').pause();
  const calledAt = runtime.now();
  expect(await orders.json('/', { timeoutMs: 30_000 })).toBe('b');
  expect(starts).toHaveLength(2);
  // The first look begins after 1 s of silence. The second one follows the next probe.
  expect(runtime.now() - calledAt).toBeLessThan(9_000);
});
