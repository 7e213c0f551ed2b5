import { expect, test } from 'vitest';
import type { Policy } from '../../src/core/policy.js';
import { affinity } from '../../src/select/affinity.js';
import { leastPending } from '../../src/select/least-pending.js';
import { loadAware } from '../../src/select/load-aware.js';
import { localFirst } from '../../src/select/local-first.js';
import { primary } from '../../src/select/primary.js';
import { random } from '../../src/select/random.js';
import { roundRobin } from '../../src/select/round-robin.js';
import { slowStartFactors } from '../../src/select/slow-start.js';
import { weighted } from '../../src/select/weighted.js';
import spec from '../spec/slow-start.json' with { type: 'json' };
import { PolicyHarness, fleet, fakeCandidate, pickTime, type CandidateSpec } from './candidates.js';
import { chiSquareP } from './chi-square.js';

test.each(spec.cases)('$ages of $window ms: $why', ({ ages, window, weights, expect: expected, againMs }) => {
  const candidates = ages.map((age, i) =>
    fakeCandidate({ id: `e${String(i)}`, ...(age !== null && { warming: [age, window] as const }) }),
  );
  const { factors, expiresAt } = slowStartFactors(
    candidates,
    pickTime,
    weights && Float64Array.from(weights),
  );
  expect(factors && [...factors].map((warmth) => Math.round(warmth * 1e6) / 1e6)).toEqual(
    expected ?? undefined,
  );
  expect(expiresAt).toBe(againMs === null ? Infinity : pickTime + againMs);
});

test('whoever is new: the others get at most twice their fair share, and the new ones something', () => {
  for (const old of [1, 2, 10]) {
    for (const young of [1, 2, 5, 30, 300]) {
      const candidates = [...fleet(old), ...fleet(young, { warming: [0, 30_000] }, 'n')].map(fakeCandidate);
      const { factors } = slowStartFactors(candidates, pickTime, undefined);
      const whole = factors!.reduce((sum, warmth) => sum + warmth, 0);
      expect((factors![0]! / whole) * (old + young)).toBeLessThanOrEqual(2 + 1e-9);
      expect(factors!.at(-1)!).toBeGreaterThanOrEqual(0.1);
    }
  }
});

const byWeight: [string, () => Policy][] = [
  ['random', random],
  ['weighted', weighted],
  ['load-aware', loadAware],
  ['least-pending', leastPending],
  ['local-first', localFirst],
];

test.each(byWeight)('%s: the share of a newcomer grows with its age', (_, policy) => {
  const choosing = new PolicyHarness(policy(), [...fleet(3), { id: 'new', warming: [0, 30_000] }], {
    seed: 1,
  });
  for (const [afterMs, warmth] of [
    [0, 0.1],
    [6_000, 0.2],
    [15_000, 0.5],
    [30_000, 1],
    [90_000, 1],
  ] as const) {
    choosing.now = pickTime + afterMs;
    const counts = choosing.counts(100_000);
    const shares = { a0: 1, a1: 1, a2: 1, new: warmth };
    expect(chiSquareP(counts, shares), `${String(afterMs)} ${JSON.stringify(counts)}`).toBeGreaterThan(0.001);
  }
});

test.each(byWeight)('%s: with static weights, these count too', (_, policy) => {
  const given: CandidateSpec[] = [
    { id: 'a', weight: 2 },
    { id: 'b' },
    { id: 'c', weight: 4, warming: [7_500, 30_000] },
  ];
  const counts = new PolicyHarness(policy(), given, { seed: 2 }).counts(100_000);
  // A quarter of 4, but a and b together get no more than twice their 3/7: a whole of 3.5.
  expect(chiSquareP(counts, { a: 2, b: 1, c: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
});

test('round-robin: a newcomer misses turns, the others keep theirs', () => {
  const choosing = new PolicyHarness(roundRobin(), [...fleet(3), { id: 'new', warming: [9_000, 30_000] }], {
    seed: 3,
  });
  const ids = choosing.picks(40_000);
  const others = ids.filter((id) => id !== 'new');
  expect(others).toEqual(others.map((_, i) => others[i % 3]));
  // Of every round of three one turn, in three of ten.
  const rounds = others.length / 3;
  expect(Math.abs((ids.length - others.length) / rounds - 0.3)).toBeLessThan(0.015);
  choosing.now = pickTime + 21_000;
  const warm = choosing.picks(400);
  expect(warm).toEqual(warm.map((_, i) => warm[i % 4]));
});

test('round-robin among newcomers alone is round-robin', () => {
  const choosing = new PolicyHarness(roundRobin(), fleet(3, { warming: [0, 30_000] }), { seed: 4 });
  const ids = choosing.picks(30);
  expect(ids).toEqual(ids.map((_, i) => ids[i % 3]));
});

test.each(byWeight)(
  '%s: a fleet of two at start is not hurt, nor one of which the second came a moment later',
  (_, policy) => {
    for (const laterMs of [0, 200, 3_000]) {
      const given: CandidateSpec[] = [
        { id: 'a', warming: [laterMs, 30_000] },
        { id: 'b', warming: [0, 30_000] },
      ];
      const counts = new PolicyHarness(policy(), given, { seed: 5 }).counts(10_000);
      expect(chiSquareP(counts, { a: 1, b: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
    }
  },
);

test('affinity and primary know no slow start: keys and calls are where they belong at once', () => {
  const given: CandidateSpec[] = [{ id: 'new', warming: [0, 30_000] }, ...fleet(3)];
  const homes = (list: readonly CandidateSpec[]): string[] => {
    const choosing = new PolicyHarness(affinity(), list, { seed: 6 });
    return Array.from({ length: 500 }, (_, i) => choosing.picks(1, `k${String(i)}`)[0]!);
  };
  expect(homes(given)).toEqual(homes([{ id: 'new' }, ...fleet(3)]));
  expect(new PolicyHarness(primary(), given, { seed: 6 }).counts(100)).toEqual({ new: 100 });
});

test('load-aware: a newcomer of which nothing is known gets one call, and under load its part of the queue', () => {
  const choosing = new PolicyHarness(
    loadAware(),
    [
      { id: 'old', load: 5 },
      { id: 'new', warming: [6_000, 30_000] },
    ],
    {
      seed: 7,
    },
  );
  expect(choosing.picks(1)).toEqual(['new']);
  for (let call = 0; call < 600; call++) {
    const picked = choosing.pick()!;
    picked.pending++;
    picked.loadNow = picked.pending + 1;
  }
  expect(choosing.at('new').pending / choosing.at('old').pending).toBeCloseTo(0.2, 1);
});

test('local-first: a first endpoint on this host gets calls as it warms up, not all at once', () => {
  const given: CandidateSpec[] = [{ id: 'near', host: 'here', warming: [0, 30_000] }, ...fleet(4)];
  const choosing = new PolicyHarness(localFirst(random()), given, { seed: 8 });
  const near = (afterMs: number): number => {
    choosing.now = pickTime + afterMs;
    return (choosing.counts(100_000).near ?? 0) / 100_000;
  };
  // What it bears is 1.4 times its warmth, and the others bear all.
  expect(near(0)).toBeCloseTo(0.14, 2);
  expect(near(15_000)).toBeCloseTo(0.7, 2);
  expect(near(22_000)).toBe(1);
});

test('local-first: who joins the nearest tier drives nothing away from it', () => {
  const given: CandidateSpec[] = [
    { id: 'old', host: 'here' },
    { id: 'new', host: 'here', warming: [0, 30_000] },
    { id: 'far' },
  ];
  const counts = new PolicyHarness(localFirst(random()), given, { seed: 9 }).counts(100_000);
  expect(chiSquareP(counts, { old: 10, new: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
});

test('local-first: everybody new, everything near', () => {
  const given: CandidateSpec[] = [
    { id: 'near', host: 'here', warming: [0, 30_000] },
    { id: 'far', warming: [0, 30_000] },
  ];
  expect(new PolicyHarness(localFirst(), given, { seed: 10 }).counts(100)).toEqual({ near: 100 });
});
