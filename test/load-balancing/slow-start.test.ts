import { expect, test } from 'vitest';
import type { Policy } from '../../src/core/policy.js';
import { affinity } from '../../src/load-balancing/affinity.js';
import { leastPending } from '../../src/load-balancing/least-pending.js';
import { loadAware } from '../../src/load-balancing/load-aware.js';
import { localFirst } from '../../src/load-balancing/local-first.js';
import { primary } from '../../src/load-balancing/primary.js';
import { random } from '../../src/load-balancing/random.js';
import { roundRobin } from '../../src/load-balancing/round-robin.js';
import { slowStartFactors } from '../../src/load-balancing/slow-start.js';
import { weighted } from '../../src/load-balancing/weighted.js';
import spec from '../spec/slow-start.json' with { type: 'json' };
import { PolicyHarness, fleet, fakeCandidate, pickTime, type CandidateSpec } from './candidates.js';
import { chiSquareP } from './chi-square.js';

test.each(spec.cases)('$ages of $window ms: $why', ({ ages, window, weights, expect: expected, againMs }) => {
  const candidates = ages.map((age, i) =>
    fakeCandidate({ id: `e${String(i)}`, ...(age !== null && { slowStart: [age, window] as const }) }),
  );
  const { factors, expiresAt } = slowStartFactors(
    candidates,
    pickTime,
    weights && Float64Array.from(weights),
  );
  expect(factors && [...factors].map((factor) => Math.round(factor * 1e6) / 1e6)).toEqual(
    expected ?? undefined,
  );
  expect(expiresAt).toBe(againMs === null ? Infinity : pickTime + againMs);
});

test('established endpoints get at most twice their fair share, and new ones at least a tenth', () => {
  for (const established of [1, 2, 10]) {
    for (const newCount of [1, 2, 5, 30, 300]) {
      const candidates = [...fleet(established), ...fleet(newCount, { slowStart: [0, 30_000] }, 'n')].map(
        fakeCandidate,
      );
      const { factors } = slowStartFactors(candidates, pickTime, undefined);
      const total = factors!.reduce((sum, factor) => sum + factor, 0);
      expect((factors![0]! / total) * (established + newCount)).toBeLessThanOrEqual(2 + 1e-9);
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

test.each(byWeight)('%s: the share of a new endpoint grows with its age', (_, policy) => {
  const harness = new PolicyHarness(policy(), [...fleet(3), { id: 'new', slowStart: [0, 30_000] }], {
    seed: 1,
  });
  for (const [afterMs, factor] of [
    [0, 0.1],
    [6_000, 0.2],
    [15_000, 0.5],
    [30_000, 1],
    [90_000, 1],
  ] as const) {
    harness.now = pickTime + afterMs;
    const counts = harness.counts(100_000);
    const shares = { a0: 1, a1: 1, a2: 1, new: factor };
    expect(chiSquareP(counts, shares), `${String(afterMs)} ${JSON.stringify(counts)}`).toBeGreaterThan(0.001);
  }
});

test.each(byWeight)('%s: slow start multiplies static weights', (_, policy) => {
  const given: CandidateSpec[] = [
    { id: 'a', weight: 2 },
    { id: 'b' },
    { id: 'c', weight: 4, slowStart: [7_500, 30_000] },
  ];
  const counts = new PolicyHarness(policy(), given, { seed: 2 }).counts(100_000);
  // A quarter of 4, but a and b together get at most twice their 3/7: a total of 3.5.
  expect(chiSquareP(counts, { a: 2, b: 1, c: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
});

test('round-robin: a new endpoint is skipped, the others keep their turns', () => {
  const harness = new PolicyHarness(roundRobin(), [...fleet(3), { id: 'new', slowStart: [9_000, 30_000] }], {
    seed: 3,
  });
  const ids = harness.picks(40_000);
  const others = ids.filter((id) => id !== 'new');
  expect(others).toEqual(others.map((_, i) => others[i % 3]));
  // One turn in 3 of 10 rounds.
  const rounds = others.length / 3;
  expect(Math.abs((ids.length - others.length) / rounds - 0.3)).toBeLessThan(0.015);
  harness.now = pickTime + 21_000;
  const picks = harness.picks(400);
  expect(picks).toEqual(picks.map((_, i) => picks[i % 4]));
});

test('round-robin among new endpoints only is plain round-robin', () => {
  const harness = new PolicyHarness(roundRobin(), fleet(3, { slowStart: [0, 30_000] }), { seed: 4 });
  const ids = harness.picks(30);
  expect(ids).toEqual(ids.map((_, i) => ids[i % 3]));
});

test.each(byWeight)('%s: two endpoints that start within seconds get equal shares', (_, policy) => {
  for (const laterMs of [0, 200, 3_000]) {
    const given: CandidateSpec[] = [
      { id: 'a', slowStart: [laterMs, 30_000] },
      { id: 'b', slowStart: [0, 30_000] },
    ];
    const counts = new PolicyHarness(policy(), given, { seed: 5 }).counts(10_000);
    expect(chiSquareP(counts, { a: 1, b: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
  }
});

test('affinity and primary ignore slow start', () => {
  const given: CandidateSpec[] = [{ id: 'new', slowStart: [0, 30_000] }, ...fleet(3)];
  const homes = (list: readonly CandidateSpec[]): string[] => {
    const harness = new PolicyHarness(affinity(), list, { seed: 6 });
    return Array.from({ length: 500 }, (_, i) => harness.picks(1, `k${String(i)}`)[0]!);
  };
  expect(homes(given)).toEqual(homes([{ id: 'new' }, ...fleet(3)]));
  expect(new PolicyHarness(primary(), given, { seed: 6 }).counts(100)).toEqual({ new: 100 });
});

test('load-aware: a new endpoint gets one call, and under load its share of the queue', () => {
  const harness = new PolicyHarness(
    loadAware(),
    [
      { id: 'old', load: 5 },
      { id: 'new', slowStart: [6_000, 30_000] },
    ],
    {
      seed: 7,
    },
  );
  expect(harness.picks(1)).toEqual(['new']);
  for (let call = 0; call < 600; call++) {
    const picked = harness.pick()!;
    picked.pending++;
    picked.loadNow = picked.pending + 1;
  }
  expect(harness.at('new').pending / harness.at('old').pending).toBeCloseTo(0.2, 1);
});

test('local-first: the first endpoint on this host gets calls in proportion to its slow start', () => {
  const given: CandidateSpec[] = [{ id: 'near', host: 'here', slowStart: [0, 30_000] }, ...fleet(4)];
  const harness = new PolicyHarness(localFirst(random()), given, { seed: 8 });
  const near = (afterMs: number): number => {
    harness.now = pickTime + afterMs;
    return (harness.counts(100_000).near ?? 0) / 100_000;
  };
  // Its capacity is 1.4 times its slow-start factor; the other tier takes the rest.
  expect(near(0)).toBeCloseTo(0.14, 2);
  expect(near(15_000)).toBeCloseTo(0.7, 2);
  expect(near(22_000)).toBe(1);
});

test('local-first: a new endpoint in the nearest tier does not reduce the share of the tier', () => {
  const given: CandidateSpec[] = [
    { id: 'old', host: 'here' },
    { id: 'new', host: 'here', slowStart: [0, 30_000] },
    { id: 'far' },
  ];
  const counts = new PolicyHarness(localFirst(random()), given, { seed: 9 }).counts(100_000);
  expect(chiSquareP(counts, { old: 10, new: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
});

test('local-first: if all endpoints are new, the nearest tier gets all calls', () => {
  const given: CandidateSpec[] = [
    { id: 'near', host: 'here', slowStart: [0, 30_000] },
    { id: 'far', slowStart: [0, 30_000] },
  ];
  expect(new PolicyHarness(localFirst(), given, { seed: 10 }).counts(100)).toEqual({ near: 100 });
});
