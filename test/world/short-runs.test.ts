/** Many small worlds: with the whole ones, at least 20,000 seeds a run. */
import { expect, test } from 'vitest';
import type { CoverageEvent } from './coverage.js';
import { testSeeds } from './seed-tests.js';

const { coverage, assertComplete } = testSeeds(18_000, 1_000, { brief: true });

/** What small worlds are there for. */
const wanted: readonly CoverageEvent[] = [
  'ok-once',
  'ok-after-failover',
  'once-resent-unsent',
  'once-resent-withdrawn',
  'idempotent-run-twice',
  'ejected: refused',
  'ejected: reset',
  'ejected: timeout',
  'revived',
  'outcome-unknown',
  'unknown-but-run',
  'unknown-not-run',
  'deadline',
  'aborted-sent',
  'talk-failed-over',
  'hedged',
  'raced',
];

test('what matters happened often', () => {
  assertComplete();
  expect(coverage.rarerThan(500, wanted)).toEqual([]);
});
