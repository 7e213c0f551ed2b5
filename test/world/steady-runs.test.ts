/** Calls at a steady rate before, during and after one incident: shares, failures and returns of endpoints. */
import { expect, test } from 'vitest';
import { testSeeds } from './seed-tests.js';
import { incidentKinds } from './steady/incident.js';

const { coverage, assertComplete } = testSeeds(400, 20, { form: 'steady' });

test('every incident happened', () => {
  assertComplete();
  expect(
    coverage.rarerThan(
      10,
      incidentKinds.map((kind) => `incident:${kind}` as const),
    ),
  ).toEqual([]);
});
