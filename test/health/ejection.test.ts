import { expect, test } from 'vitest';
import { failsTooOften, mayEject, probeDelayMs, restMs } from '../../src/health/ejection.js';
import spec from '../spec/health.json' with { type: 'json' };

test.each(spec.mayEject)('$members, hard evidence $hard: $most at most ($why)', ({ hard, members, most }) => {
  const allowed = Array.from({ length: members + 1 }, (_, closed) => closed).filter((closed) =>
    mayEject(hard, members, closed),
  );
  expect(allowed).toEqual(Array.from({ length: most }, (_, closed) => closed));
});

test.each(spec.failsTooOften)(
  '$why ($consecutive in a row, $good of $total good)',
  ({ consecutive, total, good, expect: expected }) => {
    expect(failsTooOften(consecutive, total, good)).toBe(expected);
  },
);

test.each(spec.probeDelayMs)(
  'a probe after $awayMs ms, ejection $ejections: $why',
  ({ awayMs, ejections, random, expect: expected }) => {
    expect(probeDelayMs(awayMs, ejections, random)).toBeCloseTo(expected, 9);
  },
);

test.each(spec.restMs)('a rest after refusal $refusals: $why', ({ refusals, random, expect: expected }) => {
  expect(restMs(refusals, random)).toBeCloseTo(expected, 9);
});
