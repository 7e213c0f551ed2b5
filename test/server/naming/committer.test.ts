import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, registration } from './name-server-harness.js';

test('when a write fails, queued and later commands are rejected', async () => {
  const { names, store } = await nameServerHarness();
  await names.define({ name: '/a' });
  store.failure = new Error('no space left');
  const codes = await Promise.all([names.define({ name: '/b' }), names.define({ name: '/c' })].map(codeOf));
  expect(codes).toEqual(['REGISTRY_UNREACHABLE', 'REGISTRY_UNREACHABLE']);
  store.failure = undefined;
  expect(await codeOf(names.define({ name: '/d' }))).toBe('REGISTRY_UNREACHABLE');
  expect(names.list('/**', undefined, 9).entries.map(({ name }) => name)).toEqual(['/a']);
  expect(names.status()).toMatchObject({ degraded: true, revision: '1' });
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
