import { expect, test } from 'vitest';
import type { Policy } from '../../src/core/policy.js';
import { leastPending } from '../../src/load-balancing/least-pending.js';
import { loadAware } from '../../src/load-balancing/load-aware.js';
import { chiSquareP } from './chi-square.js';
import { PolicyHarness, fleet } from './candidates.js';

test.each([
  ['load-aware', loadAware],
  ['least-pending', leastPending],
] as [string, () => Policy][])(
  '%s: the two drawn always differ, and every pair is as likely',
  (_, policy) => {
    // Of a pair the lower number wins: e0 beats 4 others, e1 beats 3, and e4 beats none.
    const given = Array.from({ length: 5 }, (__, i) => ({ id: `e${String(i)}`, load: i, pending: i }));
    const counts = new PolicyHarness(policy(), given, { seed: 1 }).counts(100_000);
    expect(chiSquareP(counts, { e0: 4, e1: 3, e2: 2, e3: 1 }), JSON.stringify(counts)).toBeGreaterThan(0.001);
  },
);

test('calls in flight level out: all queues are about equally long', () => {
  const harness = new PolicyHarness(loadAware(), fleet(100), { seed: 2 });
  for (let call = 0; call < 10_000; call++) {
    const picked = harness.pick()!;
    picked.pending++;
    picked.loadNow = picked.pending;
  }
  const pending = harness.all.map((candidate) => candidate.pending);
  // A random pick would spread them by about ±30 around 100.
  expect(Math.max(...pending)).toBeLessThanOrEqual(104);
});

test('queues grow in proportion to the weights', () => {
  for (const policy of [loadAware(), leastPending()]) {
    const harness = new PolicyHarness(policy, [...fleet(2, { weight: 3 }, 'big'), ...fleet(2, {}, 'small')], {
      seed: 3,
    });
    for (let call = 0; call < 4_000; call++) {
      const picked = harness.pick()!;
      picked.pending++;
      picked.loadNow = picked.pending + 1;
    }
    for (const { endpoint, pending } of harness.all) {
      const fair = (4_000 * endpoint.weight) / 8;
      expect(
        Math.abs(pending - fair) / fair,
        `${policy.name} ${endpoint.id} ${String(pending)}`,
      ).toBeLessThan(0.1);
    }
  }
});

test('of two endpoints the slow one gets calls again when its load has decayed', () => {
  const harness = new PolicyHarness(
    loadAware(),
    [
      { id: 'a', load: 200 },
      { id: 'b', load: 5 },
    ],
    { seed: 4 },
  );
  expect(new Set(harness.picks(50))).toEqual(new Set(['b']));
  harness.at('a').loadNow = 3;
  expect(new Set(harness.picks(50))).toEqual(new Set(['a']));
});

test('a new endpoint gets one call, and no other before it has responded', () => {
  const harness = new PolicyHarness(loadAware(), [{ id: 'old', load: 5 }, 'new'], { seed: 5 });
  expect(harness.picks(1)).toEqual(['new']);
  harness.at('new').loadNow = 2 ** 30;
  expect(new Set(harness.picks(50))).toEqual(new Set(['old']));
});

test('a tie goes to the first drawn', () => {
  const { all } = new PolicyHarness(loadAware(), ['a', 'b', 'c'], { seed: 1 });
  for (const policy of [loadAware(), leastPending()]) {
    const picker = policy.prepare({ candidates: all, all, locality: { host: 'here', zone: undefined } });
    const first = (drawn: number): unknown => picker({ now: 1, random: () => drawn, affinity: undefined });
    expect([0, 0.4, 0.9].map(first)).toEqual(all);
  }
});
