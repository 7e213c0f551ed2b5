/** Many short simulations. Together with the full ones, at least 20,000 seeds per run. After them, every important event has happened often. */
import { expect } from 'vitest';
import { dominanceEvents, type CoverageEvent } from './coverage.js';
import { testSeeds } from './seed-tests.js';

/** What short simulations must cover. */
const wanted: readonly CoverageEvent[] = [
  'ok-once',
  'ok-after-failover',
  'once-resent-unsent',
  'once-resent-refused-stream',
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
  'custom-call-failed-over',
  'hedged',
  'raced',
  ...dominanceEvents,
];

testSeeds(19_000, 1_000, { form: 'brief' }, (coverage) => {
  expect(coverage.rarerThan(500, wanted)).toEqual([]);
});
