import { expect, test } from 'vitest';
import { codeOf, nameServerHarness } from '../name-server-harness.js';

test('the timeout of a service is under its guarantee, survives a restart, and can be removed', async () => {
  const harness = await nameServerHarness();
  await harness.names.define({ name: '/a', timeoutMs: 2_000, guaranteedMs: 0 });
  await harness.names.define({ name: '/a', policy: 'random' });
  await harness.restart();
  expect(harness.names.resolve('/a')).toMatchObject({ policy: 'random', timeoutMs: 2_000 });
  for (const timeoutMs of [0, -1, 1.5, Number.NaN, 604_800_001])
    await expect(harness.names.define({ name: '/a', timeoutMs })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('timeout') as string,
    });
  await harness.runtime.advance(60_000);
  await harness.names.define({ name: '/a', timeoutMs: null, guaranteedMs: 5_000 });
  expect(harness.names.resolve('/a')).not.toHaveProperty('timeoutMs');
  expect([...harness.names.exportLines()]).toEqual([
    { kind: 'service', name: '/a', policy: 'random', guaranteedMs: 5_000, launch: null },
  ]);
  harness.names.resolveJson('/a');
  expect(await codeOf(harness.names.define({ name: '/a', timeoutMs: 1_000 }))).toBe('CHANGE_TOO_EARLY');
});

test('a frozen entry takes no second change, is not guaranteed for longer, and changes when its time has come', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a', policy: 'random' });
  names.resolveJson('/a');
  await names.define({ name: '/a', policy: 'affinity', whenExpired: true });
  const second = names.define({ name: '/a', policy: 'round-robin', whenExpired: true });
  await expect(second).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY', remainingMs: 5_250 });
  expect(await codeOf(names.move({ from: '/a', to: '/b' }))).toBe('CHANGE_TOO_EARLY');
  await runtime.advance(5_200);
  names.resolveJson('/a');
  await runtime.advance(50);
  expect(await codeOf(names.define({ name: '/a', policy: 'round-robin' }))).toBe('done');
});
