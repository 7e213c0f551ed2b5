/** Full simulations. After them, every fault and every important event has happened often enough. */
import { expect } from 'vitest';
import { coverageEvents, dominanceEvents, faultKinds } from './coverage.js';
import { habitKinds } from './dominance/caller-habits.js';
import { testSeeds } from './seed-tests.js';

testSeeds(1_000, 100, undefined, (coverage) => {
  const faults = faultKinds.map((kind) => `fault:${kind}` as const);
  const habits = habitKinds.map((kind) => `habit:${kind}` as const);
  expect(coverage.rarerThan(100, [...faults, ...habits]), 'faults and habits').toEqual([]);
  expect(coverage.rarerThan(20, [...coverageEvents, ...dominanceEvents]), 'events').toEqual([]);
});
