import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, registration } from './name-server-harness.js';

test('when a write fails, queued and later commands are rejected', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.define({ name: '/a' });
  store.failure = new Error('no space left');
  const codes = await Promise.all([names.define({ name: '/b' }), names.define({ name: '/c' })].map(codeOf));
  expect(codes).toEqual(['REGISTRY_UNREACHABLE', 'REGISTRY_UNREACHABLE']);
  store.failure = undefined;
  expect(await codeOf(names.define({ name: '/d' }))).toBe('REGISTRY_UNREACHABLE');
  expect(names.list('/**', undefined, 9).entries.map(({ name }) => name)).toEqual(['/a']);
  expect(names.status()).toMatchObject({ degraded: true, revision: '1' });
  await runtime.advance(1_000);
  expect(await codeOf(names.define({ name: '/d' }))).toBe('done');
  expect(names.list('/**', undefined, 9).entries.map(({ name }) => name)).toEqual(['/a', '/d']);
  expect(names.status()).toMatchObject({ degraded: false, revision: '2' });
});

test('close waits for the recovery of the store, and ends the attempts', async () => {
  const { names, store, runtime } = await nameServerHarness();
  store.failure = new Error('no space left');
  await codeOf(names.define({ name: '/a' }));
  let open = (): void => {};
  store.failure = undefined;
  store.writeGate = new Promise((resolve) => (open = resolve));
  await runtime.advance(1_000);
  const closed = names.close().then(() => 'closed');
  expect(await Promise.race([closed, runtime.advance(5_000).then(() => 'waits')])).toBe('waits');
  open();
  expect(await closed).toBe('closed');
  const { batches } = store;
  await runtime.advance(60_000);
  expect(store.batches).toHaveLength(batches.length);
});

test('commands that arrive during a write form the next batch, and nothing is visible before it is durable', async () => {
  const { names, store } = await nameServerHarness();
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const first = names.define({ name: '/a' });
  await Promise.resolve();
  await Promise.resolve();
  const next = Array.from({ length: 50 }, (_, i) => names.register(registration('/s', `i${i}`), localCaller));
  expect(names.status()).toMatchObject({ services: 0, revision: '0' });
  open();
  store.writeGate = undefined;
  await first;
  await Promise.all(next);
  expect(store.batches).toHaveLength(3);
  expect(names.status()).toMatchObject({ services: 2, endpoints: 50, revision: '51' });
  expect((await Promise.all(next)).map(({ epoch }) => epoch)).toEqual(
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
});

test('close completes the write in progress and rejects queued commands', async () => {
  const { names, store } = await nameServerHarness();
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const first = codeOf(names.define({ name: '/a' }));
  await Promise.resolve();
  await Promise.resolve();
  const second = codeOf(names.define({ name: '/b' }));
  const closed = names.close();
  expect(await codeOf(names.define({ name: '/c' }))).toBe('CLERK_CLOSED');
  open();
  await closed;
  expect([await first, await second]).toEqual(['done', 'CLERK_CLOSED']);
});
