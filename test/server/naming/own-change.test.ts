/** The changes that the registry makes itself, as its audit log records them. */
import { expect, test } from 'vitest';
import type { OwnChange } from '../../../src/server/ports.js';
import { codeOf, localCaller, nameServerHarness, registration } from './name-server-harness.js';

async function observedHarness() {
  const changes: OwnChange[] = [];
  const harness = await nameServerHarness({ onOwnChange: (change) => void changes.push(change) });
  return { ...harness, changes };
}

test('ended leases, removed services and scheduled changes are reported with their revisions', async () => {
  const { names, runtime, changes } = await observedHarness();
  for (const id of ['x', 'y'])
    await names.register(registration('/shop/a', id, { leaseMs: 5_000 }), localCaller);
  await names.define({ name: '/shop/b', guaranteedMs: 60_000 }, localCaller);
  names.resolve('/shop/b');
  await names.remove({ name: '/shop/b', whenExpired: true }, localCaller);
  expect(changes).toEqual([]);
  await runtime.advance(20_000);
  // The fifth change made the endpoints suspect, which is not recorded.
  expect(changes).toEqual([
    { operation: 'lease-end', names: ['/shop/a'], revision: 6, details: { id: ['x', 'y'] } },
  ]);
  await runtime.advance(400_000);
  expect(changes.slice(1).map(({ operation, names: [name] }) => `${operation} ${name ?? ''}`)).toEqual([
    'apply-scheduled /shop/b',
    'remove-empty /shop/a',
  ]);
  expect(changes.at(-1)?.revision).toBe(Number(names.status().revision));
});

test('processes of the launcher and its withdrawals are reported, and those of clients are not', async () => {
  const { names, changes, runtime } = await observedHarness();
  await names.define({ name: '/shop/a' }, localCaller);
  const intent = {
    ...{ name: '/shop/a', manifest: 'orders', instance: 'a-1', ticketHash: 'h', registryKey: 'secret-key' },
    startedAt: runtime.wallNow(),
  };
  await names.launches.recordIntent(intent);
  for (const id of ['x', 'y'])
    await names.register(registration('/shop/a', id, { leaseMs: 600_000 }), localCaller);
  await names.withdraw({ name: '/shop/a', id: 'x', epoch: 2, now: true }, localCaller);
  await names.withdraw({ name: '/shop/a', id: 'y', epoch: 3, now: true });
  await names.launches.remove('/shop/a', 'a-1');
  await names.launches.remove('/shop/a', 'a-1');
  expect(changes.map(({ revision: _, ...change }) => change)).toEqual([
    { operation: 'start-process', names: ['/shop/a'], details: { id: 'a-1', manifest: 'orders' } },
    { operation: 'withdraw', names: ['/shop/a'], details: { id: 'y', epoch: 3 } },
    { operation: 'end-process', names: ['/shop/a'], details: { id: 'a-1' } },
  ]);
});

test('a lease that ends while the store fails is reported, and a rejected change is not', async () => {
  const { names, store, runtime, changes } = await observedHarness();
  await names.register(registration('/shop/a', 'x', { leaseMs: 5_000 }), localCaller);
  store.failure = new Error('ENOSPC');
  expect(await codeOf(names.define({ name: '/shop/b' }, localCaller))).toBe('REGISTRY_UNREACHABLE');
  await runtime.advance(20_000);
  expect(changes).toMatchObject([{ operation: 'lease-end', details: { id: ['x'] } }]);
});
