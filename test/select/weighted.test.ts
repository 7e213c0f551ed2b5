import { expect, test } from 'vitest';
import { localFirst } from '../../src/select/local-first.js';
import { capacityOf, clampToMedian, weighted } from '../../src/select/weighted.js';
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

test.each(spec.evened)('$given: $why', ({ given, expect: expected }) => {
  const weights = clampToMedian(Float64Array.from(given));
  expect(weights && [...weights]).toEqual(expected ?? undefined);
});

/** p of 100,000 picks. */
function fits(choosing: PolicyHarness, shares: Readonly<Record<string, number>>): void {
  const counts = choosing.counts(100_000);
  expect(chiSquareP(counts, shares), JSON.stringify(counts)).toBeGreaterThan(0.001);
}

/** Has the policy see what is reported by now. */
function look(choosing: PolicyHarness, now: number): void {
  choosing.now = now;
  choosing.pick();
}

const reporting: readonly CandidateSpec[] = [
  { id: 'a', report: [0.5, 100] },
  { id: 'b', report: [0.25, 100] },
  { id: 'c' },
];

test('shares follow what is reported, and who does not report gets the mean', () => {
  fits(new PolicyHarness(weighted(), reporting, { seed: 1 }), { a: 200, b: 400, c: 300 });
});

test('static weights multiply', () => {
  const given = reporting.map((one, i) => ({ ...one, weight: [1, 2, 0.5][i]! }));
  fits(new PolicyHarness(weighted(), given, { seed: 2 }), { a: 200, b: 800, c: 150 });
});

test('standbys of weight 0, where nothing else is left, count by their reports alone', () => {
  const given = reporting.map((one) => ({ ...one, weight: 0 }));
  fits(new PolicyHarness(weighted(), given, { seed: 3 }), { a: 200, b: 400, c: 300 });
});

test('fewer than two reports: the static weights alone, or nobody before anybody', () => {
  const given: CandidateSpec[] = [{ id: 'a', weight: 3, report: [0.1, 900] }, { id: 'b' }, { id: 'c' }];
  fits(new PolicyHarness(weighted(), given, { seed: 4 }), { a: 3, b: 1, c: 1 });
  fits(new PolicyHarness(weighted(), ['a', 'b', 'c', 'd'], { seed: 5 }), { a: 1, b: 1, c: 1, d: 1 });
});

test('a first report counts 10 s after it came', () => {
  const given = reporting.map((one) => ({ ...one, agoMs: 0 }));
  const choosing = new PolicyHarness(weighted(), given, { seed: 6 });
  look(choosing, pickTime);
  choosing.now = pickTime + 9_999;
  fits(choosing, { a: 1, b: 1, c: 1 });
  choosing.now = pickTime + 11_000;
  fits(choosing, { a: 200, b: 400, c: 300 });
});

test('a report that nothing follows counts for three minutes, and the next one is a first again', () => {
  const choosing = new PolicyHarness(weighted(), reporting, { seed: 7 });
  const reportedAt = pickTime - 60_000;
  look(choosing, pickTime);
  choosing.now = reportedAt + 179_000;
  fits(choosing, { a: 200, b: 400, c: 300 });
  look(choosing, reportedAt + 180_000);
  fits(choosing, { a: 1, b: 1, c: 1 });
  const again = reportedAt + 200_000;
  for (const id of ['a', 'b']) choosing.at(id).loadReport = report([id === 'a' ? 0.5 : 0.25, 100], again);
  look(choosing, again + 9_000);
  fits(choosing, { a: 1, b: 1, c: 1 });
  look(choosing, again + 11_000);
  fits(choosing, { a: 200, b: 400, c: 300 });
});

test('a silence that nobody looked at is a silence as well', () => {
  const choosing = new PolicyHarness(weighted(), reporting, { seed: 8 });
  look(choosing, pickTime);
  const again = pickTime + 400_000;
  for (const id of ['a', 'b']) choosing.at(id).loadReport = report([id === 'a' ? 0.5 : 0.25, 100], again);
  choosing.now = again + 1_000;
  fits(choosing, { a: 1, b: 1, c: 1 });
  choosing.now = again + 11_000;
  fits(choosing, { a: 200, b: 400, c: 300 });
});

test('newer reports count within a second, and not before', () => {
  const choosing = new PolicyHarness(weighted(), reporting, { seed: 9 });
  look(choosing, pickTime);
  choosing.at('a').loadReport = report([0.125, 100], pickTime + 1);
  choosing.now = pickTime + 999;
  fits(choosing, { a: 200, b: 400, c: 300 });
  choosing.now = pickTime + 1_000;
  fits(choosing, { a: 800, b: 400, c: 600 });
});

test.each([
  ['idle', report([0, 100], pickTime)],
  ['below nothing', report([-1, 100], pickTime)],
  ['no number', report([NaN, 100], pickTime)],
  ['without end', report([0.5, Infinity], pickTime)],
  ['from the future', report([0.01, 100], pickTime + 60_000)],
  ['of no time', report([0.01, 100], NaN)],
])('a report that is %s is ignored: what was said before goes on counting', (_, bad) => {
  const choosing = new PolicyHarness(weighted(), reporting, { seed: 10 });
  look(choosing, pickTime);
  choosing.at('a').loadReport = bad;
  choosing.now = pickTime + 5_000;
  fits(choosing, { a: 200, b: 400, c: 300 });
});

test('what is known of reports outlives a new preparation, and is unknown of a new instance', () => {
  const choosing = new PolicyHarness(
    weighted(),
    reporting.map((one) => ({ ...one, agoMs: 0 })),
    { seed: 11 },
  );
  look(choosing, pickTime);
  for (let i = 1; i <= 11; i++) look(choosing.excluding(), pickTime + i * 1_000);
  fits(choosing, { a: 200, b: 400, c: 300 });
  // The same endpoint, registered anew.
  const { all } = choosing;
  all[0] = { ...all[0]!, loadReport: report([0.5, 100], choosing.now) };
  choosing.excluding();
  fits(choosing, { a: 1, b: 1, c: 1 });
});

test('one that says it can do a million times more does not get all calls', () => {
  const given: CandidateSpec[] = [...fleet(9, { report: [0.5, 100] }), { id: 'liar', report: [1e-6, 1e6] }];
  const { liar = 0 } = new PolicyHarness(weighted(), given, { seed: 12 }).counts(100_000);
  expect(liar / 100_000).toBeCloseTo(10 / 19, 1);
});

test('one draw a pick, and the same picks for the same seed, whenever reports were looked at', () => {
  const run = (): string => {
    const choosing = new PolicyHarness(weighted(), reporting, { seed: 13 });
    const ids: string[] = [];
    for (let i = 0; i < 200; i++) {
      choosing.now += 37;
      ids.push(...choosing.picks(1));
    }
    expect(choosing.draws).toBe(200);
    return ids.join('');
  };
  expect(run()).toBe(run());
});

test('newcomers start slowly, with and without reports', () => {
  const warming = [15_000, 30_000] as const;
  fits(new PolicyHarness(weighted(), ['a', { id: 'b', warming }], { seed: 14 }), { a: 2, b: 1 });
  const given: CandidateSpec[] = [
    { id: 'a', report: [0.5, 100] },
    { id: 'b', report: [0.25, 100], warming },
  ];
  fits(new PolicyHarness(weighted(), given, { seed: 15 }), { a: 1, b: 1 });
});

test('as the inner rule of local-first it keeps what it knows, in every tier', () => {
  const given: CandidateSpec[] = [
    { id: 'a', host: 'here', report: [0.5, 100] },
    { id: 'b', host: 'here', report: [0.25, 100] },
    { id: 'c', report: [0.5, 100] },
  ];
  fits(new PolicyHarness(localFirst(weighted()), given, { seed: 16 }), { a: 1, b: 2 });
});

test('says what share of the calls each one gets, as of the last table', () => {
  const policy = weighted();
  const choosing = new PolicyHarness(policy, [{ id: 'a' }, { id: 'b', weight: 3 }], { seed: 1 });
  const shares = () => choosing.all.map((one) => policy.describe?.(one));
  expect(shares()).toEqual([undefined, undefined]);
  choosing.picks(1);
  expect(shares()).toEqual(['25 % of the calls', '75 % of the calls']);
  const { a, b } = choosing.counts(100_000);
  expect([a, b].map((count = 0) => Math.round(count / 1_000))).toEqual([25, 75]);
});
