/** What is promised of an entry while a change of it is on its way to the disk. @see promises C1.2 */
import { expect, test } from 'vitest';
import { registration, localCaller, nameServerHarness } from './name-server-harness.js';

/** Holds writes back from now on; returns what lets them go. */
function gated(store: { writeGate: Promise<void> | undefined }): () => void {
  let open = (): void => undefined;
  store.writeGate = new Promise((resolve) => (open = resolve));
  return () => {
    store.writeGate = undefined;
    open();
  };
}

test('nothing is promised while a change is being written', async () => {
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

test('a frozen entry waits its whole time, whatever else of its name is written together with it', async () => {
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

test('nothing is promised of a frozen entry while the change it waited for is written', async () => {
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
