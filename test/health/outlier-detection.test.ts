import { expect, test } from 'vitest';
import { backoffMs } from '../../src/core/backoff.js';
import { dialBackoff } from '../../src/health/dial-backoff.js';
import { mayEject } from '../../src/health/ejection-limit.js';
import { exceedsFailureThreshold, isOutlier, successRateStats } from '../../src/health/outlier-detection.js';
import { probeDelayMs } from '../../src/health/prober.js';
import { TableHarness, ids } from './table-harness.js';
import spec from '../spec/health.json' with { type: 'json' };

test.each(spec.mayEject)(
  '$members endpoints, hard evidence $isHardEvidence: at most $max ejected ($why)',
  ({ isHardEvidence, members, max }) => {
    const allowed = Array.from({ length: members + 1 }, (_, ejected) => ejected).filter((ejected) =>
      mayEject(isHardEvidence, members, ejected),
    );
    expect(allowed).toEqual(Array.from({ length: max }, (_, ejected) => ejected));
  },
);

test.each(spec.exceedsFailureThreshold)(
  '$why ($consecutiveFailures failures in a row, success rate $successRate over $total)',
  ({ consecutiveFailures, total, successRate, best, expect: expected }) => {
    const measured = { total: 1_000_000, rate: best };
    expect(exceedsFailureThreshold(consecutiveFailures, total, successRate, measured)).toBe(expected);
  },
);

test.each(spec.probeDelayMs)(
  'probe delay after an outage of $outageMs ms, ejection $ejections: $why',
  ({ outageMs, ejections, isFirst, random, expect: expected }) => {
    expect(probeDelayMs(outageMs, ejections, isFirst, random)).toBeCloseTo(expected, 9);
  },
);

test.each(spec.dialBackoffMs)(
  'dial backoff after $failedDials failed dials: $why',
  ({ failedDials, random, expect: expected }) => {
    expect(backoffMs(dialBackoff, failedDials, random)).toBeCloseTo(expected, 9);
  },
);

test.each(spec.isOutlier)('success rate outliers: $why', ({ rates, expect: expected }) => {
  // Each row: number of endpoints, responses of each, success rate of each.
  const given = rates.flatMap(([hosts = 0, total = 0, successRate = 0]) =>
    Array.from({ length: hosts }, () => ({ total, successRate })),
  );
  const stats = successRateStats(given);
  const outliers = given.flatMap(({ total, successRate }, i) =>
    isOutlier(total, successRate, stats) ? [i] : [],
  );
  expect(outliers).toEqual(expected);
});

test.each(spec.panic)(
  '$ejected of $members ejected, one $removed endpoint removed: $why',
  async ({ members, ejected, removed, expect: expected }) => {
    const harness = new TableHarness(ids(members));
    for (const id of ids(ejected)) await harness.fail(id, 'refused');
    expect(harness.ejected).toEqual(ids(ejected));
    const removedId = removed === 'ejected' ? 'e0' : `e${String(members - 1)}`;
    harness.update(...ids(members).filter((id) => id !== removedId));
    expect(harness.ejected).toHaveLength(expected);
  },
);

test('every case names its source', () => {
  for (const cases of Object.values(spec))
    for (const { source } of cases as readonly { readonly source?: string }[]) expect(source).toBeTruthy();
});
