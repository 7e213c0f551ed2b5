import { expect, test } from 'vitest';
import { coverageEvents, dominanceEvents, faultKinds } from './coverage.js';
import { habitKinds } from './dominance/caller-habits.js';
import { testSeeds } from './seed-tests.js';

const { coverage, assertComplete } = testSeeds(2_000, 100);

test('every fault and every important event happened', () => {
  assertComplete();
  const faults = faultKinds.map((kind) => `fault:${kind}` as const);
  expect(coverage.rarerThan(100, faults)).toEqual([]);
  expect(
    coverage.rarerThan(
      100,
      habitKinds.map((kind) => `habit:${kind}` as const),
    ),
  ).toEqual([]);
  expect(coverage.rarerThan(50, [...coverageEvents, ...dominanceEvents])).toEqual([]);
});
