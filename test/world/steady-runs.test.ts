/**
 * Calls at a steady rate before, during and after one incident: shares, failures and returns of endpoints. After them, every
 * incident has happened.
 */
import { expect } from 'vitest';
import { testSeeds } from './seed-tests.js';
import { incidentKinds } from './steady/incident.js';

testSeeds(400, 20, { form: 'steady' }, (coverage) => {
  const incidents = incidentKinds.map((kind) => `incident:${kind}` as const);
  expect(coverage.rarerThan(10, incidents)).toEqual([]);
});
