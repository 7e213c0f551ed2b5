import { expect, test } from 'vitest';
import { runMutilations } from './run-mutilations.js';

const patienceMs = 300_000;

test(
  'a start with a mutilated data folder serves all that was acknowledged, or is refused',
  { timeout: patienceMs },
  async () => {
    const { counts, wrong } = await runMutilations('registry', 1, 260);
    expect(wrong).toEqual([]);
    expect(counts.get('opened') ?? 0).toBeGreaterThan(50);
    expect(counts.get('refused, saved part') ?? 0).toBeGreaterThan(50);
  },
);

test('a service with a mutilated folder of calls runs no call twice', { timeout: patienceMs }, async () => {
  const { counts, wrong } = await runMutilations('calls', 1, 240);
  expect(wrong).toEqual([]);
  expect(counts.get('opened') ?? 0).toBeGreaterThan(50);
  expect(counts.get('refused, saved part') ?? 0).toBeGreaterThan(50);
});
