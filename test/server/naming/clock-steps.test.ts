/**
 * The clock of the registry's host is set ahead or back, by a time service or an operator.
 *
 * @see [C5.4](../../../docs/guarantees.md#c5-4)
 */
import { expect, test } from 'vitest';
import { registration, localCaller, nameServerHarness } from './name-server-harness.js';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
const steps = [-yearMs, -hourMs, hourMs, yearMs];
const name = '/shop/orders';

test.each(steps)('a step of %i ms moves the end of no guarantee', async (step) => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name, guaranteedMs: 5_000 });
  await runtime.advance(10_000);
  expect(names.resolve(name).guaranteedMs).toBe(5_000);
  runtime.shiftWallClock(step);
  await expect(names.define({ name, policy: 'random' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
  const { appliesInMs } = await names.define({ name, policy: 'random', whenExpired: true });
  expect(appliesInMs).toBeGreaterThan(4_900);
  expect(appliesInMs).toBeLessThan(6_000);
  runtime.shiftWallClock(-2 * step);
  await runtime.advance(4_900);
  expect(names.resolve(name).policy).toBeNull();
  await runtime.advance(1_100);
  expect(names.resolve(name).policy).toBe('random');
});

test.each(steps)(
  'a step of %i ms while the registry is down shortens no guarantee and no lease',
  async (step) => {
    const harness = await nameServerHarness();
    const { runtime } = harness;
    await harness.names.define({ name, guaranteedMs: 5_000 });
    await harness.names.register(registration(name, 'a'), localCaller);
    harness.names.resolve(name);
    runtime.shiftWallClock(step);
    await harness.restart();
    const { names } = harness;
    await expect(names.define({ name, policy: 'random' })).rejects.toMatchObject({
      code: 'CHANGE_TOO_EARLY',
    });
    await runtime.advance(9_000);
    expect(names.resolve(name).endpoints).toHaveLength(1);
    await runtime.advance(4_400);
    expect(names.resolve(name).endpoints).toHaveLength(0);
    await names.define({ name, policy: 'random', whenExpired: true });
  },
);
