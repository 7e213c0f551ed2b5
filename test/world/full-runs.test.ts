import { expect, test } from 'vitest';
import { faultKinds, coverageEvents } from './coverage.js';
import { testSeeds } from './seed-tests.js';

const { coverage, assertComplete } = testSeeds(2_000, 100);

test('every fault and every important event happened', () => {
  assertComplete();
  const faults = faultKinds.map((kind) => `fault:${kind}` as const);
  expect(coverage.rarerThan(100, faults)).toEqual([]);
  expect(coverage.rarerThan(50, coverageEvents)).toEqual([]);
});
