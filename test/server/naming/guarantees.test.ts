/**
 * Guarantees while a change is being written, after a restart, and of frozen entries.
 *
 * @see [C1.2](../../../docs/guarantees.md#c1-2)
 */
import { expect, test } from 'vitest';
import { registration, localCaller, nameServerHarness } from './name-server-harness.js';

/** Delays all writes until the returned function is called. */
function gated(store: { writeGate: Promise<void> | undefined }): () => void {
  let open = (): void => undefined;
  store.writeGate = new Promise((resolve) => (open = resolve));
  return () => {
    store.writeGate = undefined;
    open();
  };
}

test('a lookup gives no guarantee while a change is being written', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.define({ name: '/shop/orders', guaranteedMs: 5_000 });
  await runtime.advance(10_000);
  const open = gated(store);
  const changing = names.define({ name: '/shop/orders', policy: 'random' });
  await runtime.advance(10);
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: null, guaranteedMs: 0 });
  open();
  await runtime.advance(10);
  expect(await changing).toMatchObject({ appliesInMs: 0 });
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: 'random', guaranteedMs: 5_000 });
});

test('other changes in the same batch do not shorten the wait of a frozen entry', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.define({ name: '/shop/orders', guaranteedMs: 5_000 });
  const open = gated(store);
  const other = names.define({ name: '/shop/other' });
  await runtime.advance(10);
  expect(names.resolve('/shop/orders').guaranteedMs).toBe(5_000);
  const registering = names.register(registration('/shop/orders', 'a', { leaseMs: 60_000 }), localCaller);
  const freezing = names.define({ name: '/shop/orders', policy: 'random', whenExpired: true });
  open();
  await runtime.advance(10);
  await Promise.all([other, registering]);
  expect((await freezing).appliesInMs).toBeGreaterThan(5_000);
  await runtime.advance(4_900);
  expect(names.resolve('/shop/orders').policy).toBeNull();
  await runtime.advance(500);
  expect(names.resolve('/shop/orders').policy).toBe('random');
});

test('a lookup gives no guarantee while the pending change of a frozen entry is written', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.define({ name: '/shop/orders', guaranteedMs: 1_000 });
  names.resolve('/shop/orders');
  await names.define({ name: '/shop/orders', policy: 'random', whenExpired: true });
  const open = gated(store);
  await runtime.advance(2_000);
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: null, guaranteedMs: 0 });
  open();
  await runtime.advance(10);
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: 'random', guaranteedMs: 1_000 });
});

test('after a restart every guarantee starts again, and a frozen entry still changes', async () => {
  const harness = await nameServerHarness();
  await harness.names.define({ name: '/a', policy: 'random' });
  await harness.names.define({ name: '/b' });
  await harness.runtime.advance(60_000);
  await harness.restart();
  await harness.runtime.advance(1_000);
  await expect(harness.names.remove({ name: '/b' })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
    remainingMs: 4_250,
  });
  await harness.names.define({ name: '/a', policy: 'affinity', whenExpired: true });
  await harness.runtime.advance(4_000);
  await harness.restart();
  await harness.runtime.advance(5_249);
  expect(harness.names.resolve('/a').policy).toBe('random');
  await harness.runtime.advance(1);
  expect(harness.names.resolve('/a').policy).toBe('affinity');
});
