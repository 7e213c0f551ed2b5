import { expect, test } from 'vitest';
import {
  exceedsFailureThreshold,
  isOutlier,
  mayEject,
  probeDelayMs,
  dialBackoffMs,
  successRateStats,
} from '../../src/health/outlier-detection.js';
import { TableHarness, ids } from './table-harness.js';
import spec from '../spec/health.json' with { type: 'json' };

test.each(spec.mayEject)('$members, hard evidence $hard: $most at most ($why)', ({ hard, members, most }) => {
  const allowed = Array.from({ length: members + 1 }, (_, closed) => closed).filter((closed) =>
    mayEject(hard, members, closed),
  );
  expect(allowed).toEqual(Array.from({ length: most }, (_, closed) => closed));
});

test.each(spec.failsTooOften)(
  '$why ($consecutive in a row, $good of $total good)',
  ({ consecutive, total, good: successes, expect: expected }) => {
    expect(exceedsFailureThreshold(consecutive, total, successes)).toBe(expected);
  },
);

test.each(spec.probeDelayMs)(
  'a probe after $awayMs ms, ejection $ejections: $why',
  ({ awayMs, ejections, random, expect: expected }) => {
    expect(probeDelayMs(awayMs, ejections, random)).toBeCloseTo(expected, 9);
  },
);

test.each(spec.restMs)('a rest after refusal $refusals: $why', ({ refusals, random, expect: expected }) => {
  expect(dialBackoffMs(refusals, random)).toBeCloseTo(expected, 9);
});

test.each(spec.isOutlier)('who fails more than the rest: $why', ({ rates, expect: expected }) => {
  // How many, of how many answers, and how many of these were successes.
  const given = rates.flatMap(([hosts = 0, total = 0, successes = 0]) =>
    Array.from({ length: hosts }, () => ({ total, successes })),
  );
  const standing = successRateStats(given);
  const outliers = given.flatMap(({ total, successes }, i) =>
    isOutlier(total, successes, standing) ? [i] : [],
  );
  expect(outliers).toEqual(expected);
});

test.each(spec.panic)(
  '$closed of $members aside, $gone gone: $why',
  async ({ members, closed, gone, expect: expected }) => {
    const fleet = new TableHarness(ids(members));
    for (const id of ids(closed)) await fleet.fail(id, 'reset');
    expect(fleet.ejected).toEqual(ids(closed));
    const leaves = gone === 'closed' ? 'e0' : `e${String(members - 1)}`;
    fleet.update(...ids(members).filter((id) => id !== leaves));
    expect(fleet.ejected).toHaveLength(expected);
  },
);

test('every case says where it is from', () => {
  for (const cases of Object.values(spec))
    for (const { source } of cases as readonly { readonly source?: string }[]) expect(source).toBeTruthy();
});
