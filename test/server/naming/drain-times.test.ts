/** How long a withdrawn endpoint drains: until the last lookup that showed it has ended. */
import { expect, test } from 'vitest';
import { localCaller, nameServerHarness, registration } from './name-server-harness.js';

const usableMs = 5_250;

/** A registry that has run for so long that no lookup of an earlier run is usable. */
async function oldRegistry(): Promise<Awaited<ReturnType<typeof nameServerHarness>>> {
  const harness = await nameServerHarness();
  await harness.runtime.advance(usableMs);
  await harness.names.register(registration('/a', 'x'), localCaller);
  return harness;
}

test('an endpoint that no lookup has shown is removed at once', async () => {
  const { names } = await oldRegistry();
  expect((await names.withdraw({ name: '/a', id: 'x', epoch: 1 })).appliesInMs).toBe(0);
  expect(names.resolve('/a').endpoints).toEqual([]);
});

test('an endpoint drains until the last lookup is no longer usable', async () => {
  const { names, runtime } = await oldRegistry();
  names.resolve('/a');
  await runtime.advance(3_000);
  expect((await names.withdraw({ name: '/a', id: 'x', epoch: 1 })).appliesInMs).toBe(usableMs - 3_000);
  expect(names.resolve('/a').endpoints).toMatchObject([{ state: 'draining' }]);
  await runtime.advance(usableMs - 3_000 + 2_000);
  expect(names.resolve('/a').endpoints).toEqual([]);
});

test('an old lookup does not delay the end', async () => {
  const { names, runtime } = await oldRegistry();
  names.resolve('/a');
  await runtime.advance(usableMs);
  expect((await names.withdraw({ name: '/a', id: 'x', epoch: 1 })).appliesInMs).toBe(0);
});

test('a search shows endpoints as a lookup does', async () => {
  const { names } = await oldRegistry();
  names.search('/**', {});
  expect((await names.withdraw({ name: '/a', id: 'x', epoch: 1 })).appliesInMs).toBe(usableMs);
});

test('a lookup under the name before a move counts', async () => {
  const { names } = await oldRegistry();
  names.resolve('/a');
  await names.move({ from: '/a', to: '/b' });
  expect((await names.withdraw({ name: '/b', id: 'x', epoch: 1 })).appliesInMs).toBe(usableMs);
});

test('a lookup of an entry that is to change counts', async () => {
  const { names, runtime } = await oldRegistry();
  names.resolve('/a');
  await names.define({ name: '/a', policy: 'random', whenExpired: true });
  await runtime.advance(4_000);
  names.resolve('/a');
  expect((await names.withdraw({ name: '/a', id: 'x', epoch: 1 })).appliesInMs).toBe(usableMs);
});

test('a registry that has just started counts as having shown every endpoint', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'x'), localCaller);
  await runtime.advance(1_000);
  expect((await names.withdraw({ name: '/a', id: 'x', epoch: 1 })).appliesInMs).toBe(usableMs - 1_000);
});
