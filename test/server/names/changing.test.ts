/** What is promised of an entry while a change of it is on its way to the disk. @see promises C1.2 */
import { expect, test } from 'vitest';
import { registration, somebody, world } from './world.js';

/** Holds writes back from now on; returns what lets them go. */
function gated(store: { gate: Promise<void> | undefined }): () => void {
  let open = (): void => undefined;
  store.gate = new Promise((resolve) => (open = resolve));
  return () => {
    store.gate = undefined;
    open();
  };
}

test('nothing is promised while a change is being written', async () => {
  const { names, store, runtime } = await world();
  await names.define({ name: '/shop/orders', promiseMs: 5_000 });
  await runtime.advance(10_000);
  const open = gated(store);
  const changing = names.define({ name: '/shop/orders', policy: 'random' });
  await runtime.advance(10);
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: null, promiseMs: 0 });
  open();
  await runtime.advance(10);
  expect(await changing).toMatchObject({ inMs: 0 });
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: 'random', promiseMs: 5_000 });
});

test('a frozen entry waits its whole time, whatever else of its name is written together with it', async () => {
  const { names, store, runtime } = await world();
  await names.define({ name: '/shop/orders', promiseMs: 5_000 });
  const open = gated(store);
  const other = names.define({ name: '/shop/other' });
  await runtime.advance(10);
  expect(names.resolve('/shop/orders').promiseMs).toBe(5_000);
  const registering = names.register(registration('/shop/orders', 'a', { leaseMs: 60_000 }), somebody);
  const freezing = names.define({ name: '/shop/orders', policy: 'random', whenExpired: true });
  open();
  await runtime.advance(10);
  await Promise.all([other, registering]);
  expect((await freezing).inMs).toBeGreaterThan(5_000);
  await runtime.advance(4_900);
  expect(names.resolve('/shop/orders').policy).toBeNull();
  await runtime.advance(500);
  expect(names.resolve('/shop/orders').policy).toBe('random');
});

test('nothing is promised of a frozen entry while the change it waited for is written', async () => {
  const { names, store, runtime } = await world();
  await names.define({ name: '/shop/orders', promiseMs: 1_000 });
  names.resolve('/shop/orders');
  await names.define({ name: '/shop/orders', policy: 'random', whenExpired: true });
  const open = gated(store);
  await runtime.advance(2_000);
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: null, promiseMs: 0 });
  open();
  await runtime.advance(10);
  expect(names.resolve('/shop/orders')).toMatchObject({ policy: 'random', promiseMs: 1_000 });
});
