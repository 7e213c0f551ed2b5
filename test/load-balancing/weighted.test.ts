import { expect, test } from 'vitest';
import { localFirst } from '../../src/load-balancing/local-first.js';
import { capacityOf, clampToMedian } from '../../src/load-balancing/load-report-weights.js';
import { weighted } from '../../src/load-balancing/weighted.js';
import spec from '../spec/weighted.json' with { type: 'json' };
import { PolicyHarness, fleet, report, pickTime, type CandidateSpec } from './candidates.js';
import { chiSquareP } from './chi-square.js';

test.each(spec.capacityOf)('$report: $why', ({ report: given, expect: expected }) => {
  const [utilization, callsPerSecond, errorsPerSecond] = given.map(Number) as [number, number, number];
  expect(capacityOf({ utilization, callsPerSecond, errorsPerSecond, receivedAt: 1 })).toBeCloseTo(
    expected,
    9,
  );
});

test.each(spec.clampToMedian)('$given: $why', ({ given, expect: expected }) => {
  const weights = clampToMedian(Float64Array.from(given));
  expect(weights && [...weights]).toEqual(expected ?? undefined);
});

/** Expects these shares in 100,000 picks. */
function expectShares(harness: PolicyHarness, shares: Readonly<Record<string, number>>): void {
  const counts = harness.counts(100_000);
  expect(chiSquareP(counts, shares), JSON.stringify(counts)).toBeGreaterThan(0.001);
}

/** Lets the policy read the reports at `now`. */
function readReports(harness: PolicyHarness, now: number): void {
  harness.now = now;
  harness.pick();
}

const reporting: readonly CandidateSpec[] = [
  { id: 'a', report: [0.5, 100] },
  { id: 'b', report: [0.25, 100] },
  { id: 'c' },
];

test('shares follow the reports, and an endpoint without one gets the mean', () => {
  expectShares(new PolicyHarness(weighted(), reporting, { seed: 1 }), { a: 200, b: 400, c: 300 });
});

test('static weights multiply the capacities', () => {
  const given = reporting.map((one, i) => ({ ...one, weight: [1, 2, 0.5][i]! }));
  expectShares(new PolicyHarness(weighted(), given, { seed: 2 }), { a: 200, b: 800, c: 150 });
});

test('if all weights are 0, the reports alone decide', () => {
  const given = reporting.map((one) => ({ ...one, weight: 0 }));
  expectShares(new PolicyHarness(weighted(), given, { seed: 3 }), { a: 200, b: 400, c: 300 });
});

test('with fewer than two reports the static weights alone decide', () => {
  const given: CandidateSpec[] = [{ id: 'a', weight: 3, report: [0.1, 900] }, { id: 'b' }, { id: 'c' }];
  expectShares(new PolicyHarness(weighted(), given, { seed: 4 }), { a: 3, b: 1, c: 1 });
  expectShares(new PolicyHarness(weighted(), ['a', 'b', 'c', 'd'], { seed: 5 }), { a: 1, b: 1, c: 1, d: 1 });
});

test('the first report counts 10 s after it arrived', () => {
  const given = reporting.map((one) => ({ ...one, agoMs: 0 }));
  const harness = new PolicyHarness(weighted(), given, { seed: 6 });
  readReports(harness, pickTime);
  harness.now = pickTime + 9_999;
  expectShares(harness, { a: 1, b: 1, c: 1 });
  harness.now = pickTime + 11_000;
  expectShares(harness, { a: 200, b: 400, c: 300 });
});

test('a report expires after three minutes, and the next one is a first report again', () => {
  const harness = new PolicyHarness(weighted(), reporting, { seed: 7 });
  const reportedAt = pickTime - 60_000;
  readReports(harness, pickTime);
  harness.now = reportedAt + 179_000;
  expectShares(harness, { a: 200, b: 400, c: 300 });
  readReports(harness, reportedAt + 180_000);
  expectShares(harness, { a: 1, b: 1, c: 1 });
  const again = reportedAt + 200_000;
  for (const id of ['a', 'b']) harness.at(id).loadReport = report([id === 'a' ? 0.5 : 0.25, 100], again);
  readReports(harness, again + 9_000);
  expectShares(harness, { a: 1, b: 1, c: 1 });
  readReports(harness, again + 11_000);
  expectShares(harness, { a: 200, b: 400, c: 300 });
});

test('a gap in the reports counts also if no pick fell into it', () => {
  const harness = new PolicyHarness(weighted(), reporting, { seed: 8 });
  readReports(harness, pickTime);
  const again = pickTime + 400_000;
  for (const id of ['a', 'b']) harness.at(id).loadReport = report([id === 'a' ? 0.5 : 0.25, 100], again);
  harness.now = again + 1_000;
  expectShares(harness, { a: 1, b: 1, c: 1 });
  harness.now = again + 11_000;
  expectShares(harness, { a: 200, b: 400, c: 300 });
});

test('a new report counts within a second', () => {
  const harness = new PolicyHarness(weighted(), reporting, { seed: 9 });
  readReports(harness, pickTime);
  harness.at('a').loadReport = report([0.125, 100], pickTime + 1);
  harness.now = pickTime + 999;
  expectShares(harness, { a: 200, b: 400, c: 300 });
  harness.now = pickTime + 1_000;
  expectShares(harness, { a: 800, b: 400, c: 600 });
});

test.each([
  ['idle', report([0, 100], pickTime)],
  ['below nothing', report([-1, 100], pickTime)],
  ['no number', report([NaN, 100], pickTime)],
  ['without end', report([0.5, Infinity], pickTime)],
  ['from the future', report([0.01, 100], pickTime + 60_000)],
  ['of no time', report([0.01, 100], NaN)],
])('a report that is %s is ignored: the previous one stays valid', (_, bad) => {
  const harness = new PolicyHarness(weighted(), reporting, { seed: 10 });
  readReports(harness, pickTime);
  harness.at('a').loadReport = bad;
  harness.now = pickTime + 5_000;
  expectShares(harness, { a: 200, b: 400, c: 300 });
});

test('the report history survives preparing again, and a new instance has none', () => {
  const harness = new PolicyHarness(
    weighted(),
    reporting.map((one) => ({ ...one, agoMs: 0 })),
    { seed: 11 },
  );
  readReports(harness, pickTime);
  for (let i = 1; i <= 11; i++) readReports(harness.excluding(), pickTime + i * 1_000);
  expectShares(harness, { a: 200, b: 400, c: 300 });
  // The same endpoint, registered again.
  const { all } = harness;
  all[0] = { ...all[0]!, loadReport: report([0.5, 100], harness.now) };
  harness.excluding();
  expectShares(harness, { a: 1, b: 1, c: 1 });
});

test('an endpoint that reports a million times the capacity does not get all calls', () => {
  const given: CandidateSpec[] = [...fleet(9, { report: [0.5, 100] }), { id: 'liar', report: [1e-6, 1e6] }];
  const { liar = 0 } = new PolicyHarness(weighted(), given, { seed: 12 }).counts(100_000);
  expect(liar / 100_000).toBeCloseTo(10 / 19, 1);
});

test('a pick draws one random number, and the same seed gives the same picks whenever reports are read', () => {
  const run = (): string => {
    const harness = new PolicyHarness(weighted(), reporting, { seed: 13 });
    const ids: string[] = [];
    for (let i = 0; i < 200; i++) {
      harness.now += 37;
      ids.push(...harness.picks(1));
    }
    expect(harness.draws).toBe(200);
    return ids.join('');
  };
  expect(run()).toBe(run());
});

test('slow start applies with and without reports', () => {
  const slowStart = [15_000, 30_000] as const;
  expectShares(new PolicyHarness(weighted(), ['a', { id: 'b', slowStart }], { seed: 14 }), { a: 2, b: 1 });
  const given: CandidateSpec[] = [
    { id: 'a', report: [0.5, 100] },
    { id: 'b', report: [0.25, 100], slowStart },
  ];
  expectShares(new PolicyHarness(weighted(), given, { seed: 15 }), { a: 1, b: 1 });
});

test('as the inner policy of local-first it keeps its history in every tier', () => {
  const given: CandidateSpec[] = [
    { id: 'a', host: 'here', report: [0.5, 100] },
    { id: 'b', host: 'here', report: [0.25, 100] },
    { id: 'c', report: [0.5, 100] },
  ];
  expectShares(new PolicyHarness(localFirst(weighted()), given, { seed: 16 }), { a: 1, b: 2 });
});

test('describe gives the share of each endpoint in the last table', () => {
  const policy = weighted();
  const harness = new PolicyHarness(policy, [{ id: 'a' }, { id: 'b', weight: 3 }], { seed: 1 });
  const shares = () => harness.all.map((one) => policy.describe?.(one));
  expect(shares()).toEqual([undefined, undefined]);
  harness.picks(1);
  expect(shares()).toEqual(['25 % of the calls', '75 % of the calls']);
  const { a, b } = harness.counts(100_000);
  expect([a, b].map((count = 0) => Math.round(count / 1_000))).toEqual([25, 75]);
});
