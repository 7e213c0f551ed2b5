import { expect, test } from 'vitest';
import { codeOf, nameServerHarness, recordWatch } from '../name-server-harness.js';

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

const retrySettings = {
  attemptTimeoutMs: { min: 50, max: 2_000 },
  retries: { max: 2, statuses: [503], budget: { ratio: 0.2 } },
} as const;

test('the retry settings of a service are in lookups, watches and exports, survive a restart, and can be removed', async () => {
  const harness = await nameServerHarness();
  const watch = recordWatch(harness.names, ['/a']);
  await harness.runtime.advance(1);
  await harness.names.define({ name: '/a', guaranteedMs: 0, ...retrySettings });
  await harness.names.define({ name: '/a', policy: 'random' });
  expect(watch.received.at(-1)?.event).toMatchObject({ type: 'put', entry: retrySettings });
  await harness.restart();
  expect(harness.names.resolve('/a')).toMatchObject({ policy: 'random', ...retrySettings });
  const lines = [...harness.names.exportLines()];
  expect(lines).toEqual([
    { kind: 'service', name: '/a', policy: 'random', guaranteedMs: 0, launch: null, ...retrySettings },
  ]);
  const copy = await nameServerHarness();
  await copy.names.importLines(lines);
  expect([...copy.names.exportLines()]).toEqual(lines);
  await harness.names.define({ name: '/a', attemptTimeoutMs: null, retries: null });
  expect(harness.names.resolve('/a')).not.toHaveProperty('attemptTimeoutMs');
  expect(harness.names.resolve('/a')).not.toHaveProperty('retries');
});

test('`retries: false` is not the same as no retry settings', async () => {
  const harness = await nameServerHarness();
  await harness.names.define({ name: '/a', guaranteedMs: 0, retries: false, attemptTimeoutMs: 250 });
  await harness.restart();
  expect(harness.names.resolve('/a')).toMatchObject({ retries: false, attemptTimeoutMs: 250 });
});

test('retry settings are guaranteed like the rest of a service', async () => {
  const { names } = await nameServerHarness();
  await names.define({ name: '/a', ...retrySettings });
  names.resolveJson('/a');
  expect(await codeOf(names.define({ name: '/a', ...retrySettings }))).toBe('done');
  const { min, max } = retrySettings.attemptTimeoutMs;
  expect(await codeOf(names.define({ name: '/a', attemptTimeoutMs: { max, min } }))).toBe('done');
  expect(await codeOf(names.define({ name: '/a', retries: false }))).toBe('CHANGE_TOO_EARLY');
});

test.each([
  [{ retries: false }, 'got retries: false'],
  [{ retries: { max: 0 } }, 'got retries.max: 0'],
  [{ retries: { budget: { ratio: 0, minPerSecond: 0 } } }, 'got retries.budget.ratio: 0 and'],
] as const)(
  'first-to-respond with %j is refused, together and one after the other',
  async (retries, message) => {
    const { names } = await nameServerHarness();
    const policy = 'first-to-respond';
    const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string };
    await expect(names.define({ name: '/a', policy, ...retries })).rejects.toMatchObject(refused);
    await names.define({ name: '/b', policy, guaranteedMs: 0 });
    await expect(names.define({ name: '/b', ...retries })).rejects.toMatchObject(refused);
    await names.define({ name: '/c', ...retries, guaranteedMs: 0 });
    await expect(names.define({ name: '/c', policy })).rejects.toMatchObject(refused);
    await names.define({ name: '/c', policy, retries: null });
  },
);

test.each([
  [{ attemptTimeoutMs: 0 }, 'Field attemptTimeoutMs must be'],
  [{ attemptTimeoutMs: { min: 2, max: 1 } }, 'Field attemptTimeoutMs.min must be at most'],
  [{ retries: { max: -1 } }, 'Field retries.max must be'],
  [{ retries: { statuses: [200] } }, 'Field retries.statuses must contain only'],
  [{ retries: { budget: { ratio: 2 } } }, 'Field retries.budget.ratio must be'],
])('the retry settings %j are refused, and nothing changes', async (settings, message) => {
  const { names } = await nameServerHarness();
  await expect(names.define({ name: '/a', ...settings })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message) as string,
  });
  expect(await codeOf(names.define({ name: '/a' }))).toBe('done');
  expect(names.status().services).toBe(1);
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
