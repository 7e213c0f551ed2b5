import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, registration } from '../name-server-harness.js';

test('the newer of two registrations of an instance wins, and the older one is fenced', async () => {
  const { names, runtime } = await nameServerHarness();
  const first = await names.register(registration('/a', 'i'), localCaller);
  await runtime.advance(9_000);
  const second = await names.register(registration('/a', 'i'), localCaller);
  expect([first.epoch, second.epoch]).toEqual([1, 2]);
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe('FORBIDDEN');
  expect(await codeOf(names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true }))).toBe('FORBIDDEN');
  const renewals = [1, 2, 3].map((epoch) => ({ name: '/a', id: 'i', epoch }));
  expect(names.renew({ renewals }).results).toEqual(['fenced', 'renewed', 'lost']);
  expect(names.resolve('/a').endpoints).toMatchObject([{ id: 'i', epoch: 2 }]);
});

test('an instance that withdrew cannot register with the same epoch, not even after a restart', async () => {
  const harness = await nameServerHarness();
  await harness.names.register(registration('/a', 'i'), localCaller);
  await harness.names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true });
  for (let round = 0; round < 2; round++) {
    expect(await codeOf(harness.names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe(
      'FORBIDDEN',
    );
    expect(harness.names.renew({ renewals: [{ name: '/a', id: 'i', epoch: 1 }] }).results).toEqual([
      'fenced',
    ]);
    expect(await codeOf(harness.names.withdraw({ name: '/a', id: 'i', epoch: 1 }))).toBe('done');
    await harness.restart();
  }
  expect((await harness.names.register(registration('/a', 'i'), localCaller)).epoch).toBe(2);
});

test('a draining instance cannot register with the same epoch either', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'i'), localCaller);
  await names.withdraw({ name: '/a', id: 'i', epoch: 1 });
  expect(await codeOf(names.register(registration('/a', 'i', { epoch: 1 }), localCaller))).toBe('FORBIDDEN');
  expect((await names.register(registration('/a', 'i'), localCaller)).epoch).toBe(2);
  expect(names.resolve('/a').endpoints).toMatchObject([{ id: 'i', epoch: 2, state: 'up' }]);
});

test('epochs of a removed name are not assigned again', async () => {
  const { names } = await nameServerHarness();
  for (const id of ['a', 'b', 'c']) await names.register(registration('/a', id), localCaller);
  await names.remove({ name: '/a', recursive: true });
  expect(await codeOf(names.register(registration('/a', 'b', { epoch: 2 }), localCaller))).toBe('FORBIDDEN');
  expect((await names.register(registration('/a', 'b'), localCaller)).epoch).toBe(4);
});

test('a name keeps 256 fences, and rejects the instances whose fences it dropped', async () => {
  const { names, store } = await nameServerHarness();
  for (let i = 0; i < 300; i++) {
    const { epoch } = await names.register(registration('/a', `i${i}`), localCaller);
    await names.withdraw({ name: '/a', id: `i${i}`, epoch, now: true });
  }
  expect([...store.records.keys()].filter((key) => key.startsWith('f ')).length).toBe(256);
  for (const [id, epoch] of [
    ['i0', 1],
    ['i299', 300],
  ] as const)
    expect(await codeOf(names.register(registration('/a', id, { epoch }), localCaller))).toBe('FORBIDDEN');
});

test('a move keeps epochs and fences', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'i'), localCaller);
  await names.withdraw({ name: '/a', id: 'i', epoch: 1, now: true });
  await names.move({ from: '/a', to: '/b' });
  for (const name of ['/a', '/b'])
    expect(await codeOf(names.register(registration(name, 'i', { epoch: 1 }), localCaller))).toBe(
      'FORBIDDEN',
    );
  expect((await names.register(registration('/a', 'i'), localCaller)).epoch).toBe(2);
});

/** Registers and withdraws an instance. */
async function end(
  names: Awaited<ReturnType<typeof nameServerHarness>>['names'],
  name: string,
  id: string,
  principal: string,
): Promise<void> {
  const caller = { principal };
  const { epoch } = await names.register(registration(name, id), caller);
  await names.withdraw({ name, id, epoch, now: true }, caller);
}

test('a principal has ten fences for each registration that it may have, and its oldest are dropped', async () => {
  const harness = await nameServerHarness({ maxRegistrations: 2 });
  const { names, store } = harness;
  await end(names, '/honest', 'h', 'honest');
  for (let i = 0; i < 30; i++) await end(names, `/a${i % 7}`, `i${i}`, 'attacker');
  const fences = (): string[] => [...store.records.keys()].filter((key) => key.startsWith('f ')).sort();
  const kept = Array.from({ length: 20 }, (_, i) => `f /a${(i + 10) % 7} i${i + 10}`);
  expect(fences()).toEqual([...kept, 'f /honest h'].sort());
  expect(names.fenceCount).toBe(21);
  await harness.restart();
  expect(harness.names.fenceCount).toBe(21);
  await end(harness.names, '/a0', 'later', 'attacker');
  expect(harness.names.fenceCount).toBe(21);
});

test('a fence that was dropped rejects its old epoch, and its instance gets a new one', async () => {
  const { names } = await nameServerHarness({ maxRegistrations: 1 });
  for (let i = 0; i < 11; i++) await end(names, '/a', `i${i}`, localCaller.principal);
  expect(names.fenceCount).toBe(10);
  for (const epoch of [1, 11])
    expect(await codeOf(names.register(registration('/a', 'i0', { epoch }), localCaller))).toBe('FORBIDDEN');
  expect((await names.register(registration('/a', 'i0'), localCaller)).epoch).toBe(12);
});

test('fences are counted through removals, moves and ends of leases', async () => {
  const { names, runtime } = await nameServerHarness({ maxRegistrations: 4 });
  for (let i = 0; i < 4; i++) await end(names, `/a/n${i}`, 'i', localCaller.principal);
  await names.move({ from: '/a', to: '/b' });
  expect(names.fenceCount).toBe(4);
  // Servers over one log always guarantee a name.
  await names.remove({ name: '/b/n0', recursive: true, force: true });
  expect(names.fenceCount).toBe(3);
  for (let i = 0; i < 4; i++)
    await names.register(registration('/c', `i${i}`, { leaseMs: 1_000 }), localCaller);
  await runtime.advance(3_000);
  expect(names.fenceCount).toBe(7);
  for (const _ of [1, 2, 3, 4]) await names.register(registration('/c', `i${_ - 1}`), localCaller);
  expect(names.fenceCount).toBe(3);
});
