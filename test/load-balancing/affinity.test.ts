import { expect, test } from 'vitest';
import { affinity } from '../../src/load-balancing/affinity.js';
import { hashText } from '../../src/load-balancing/hash.js';
import { PolicyHarness, fleet, type CandidateSpec } from './candidates.js';
import { chiSquareP } from './chi-square.js';

const keys = Array.from({ length: 10_000 }, (_, i) => `customer-${String(i)}`);

/** The endpoint of each key. */
function homes(harness: PolicyHarness): string[] {
  return keys.map((key) => harness.pick(key)!.endpoint.id);
}

function tally(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

test('removing one of n endpoints moves only its own keys, at most 1.25/n of 10,000, and adding it again moves them back', () => {
  for (const count of [2, 3, 10, 50]) {
    const harness = new PolicyHarness(affinity(), fleet(count), { seed: 1 });
    const before = homes(harness);
    const after = homes(harness.excluding('a1'));
    const moved = before.filter((id, i) => id !== after[i]);
    expect(new Set(moved)).toEqual(new Set(['a1']));
    expect(moved.length).toBeLessThanOrEqual((1.25 / count) * keys.length);
    expect(moved.length).toBeGreaterThan((0.75 / count) * keys.length);
    expect(homes(harness.excluding())).toEqual(before);
  }
});

test('the endpoint of a key depends neither on the order nor on the seed', () => {
  const given = fleet(10);
  const here = homes(new PolicyHarness(affinity(), given, { seed: 1 }));
  const there = homes(
    new PolicyHarness(affinity(), given.toReversed(), { seed: 2, locality: { host: 'other' } }),
  );
  expect(there).toEqual(here);
});

test('keys are distributed evenly, or by weight', () => {
  const even = tally(homes(new PolicyHarness(affinity(), fleet(10), { seed: 1 })));
  expect(chiSquareP(even, Object.fromEntries(fleet(10).map(({ id }) => [id, 1])))).toBeGreaterThan(0.001);
  const given: CandidateSpec[] = [
    { id: 'a', weight: 4 },
    { id: 'b', weight: 2 },
    { id: 'c' },
    { id: 'd', weight: 0.5 },
  ];
  const weighted = tally(homes(new PolicyHarness(affinity(), given, { seed: 1 })));
  expect(chiSquareP(weighted, { a: 4, b: 2, c: 1, d: 0.5 }), JSON.stringify(weighted)).toBeGreaterThan(0.001);
});

test('a higher weight takes keys from the others and moves none between them', () => {
  const before = homes(new PolicyHarness(affinity(), ['a', 'b', 'c', 'd'], { seed: 1 }));
  const after = homes(new PolicyHarness(affinity(), ['a', 'b', 'c', { id: 'd', weight: 2 }], { seed: 1 }));
  const moved = after.filter((id, i) => id !== before[i]);
  expect(new Set(moved)).toEqual(new Set(['d']));
});

test('a hot key always overflows to the same next endpoint', () => {
  const harness = new PolicyHarness(affinity(), fleet(5), { seed: 1 });
  const [home] = harness.picks(1, 'hot');
  const next = harness.excluding(home!).pick('hot')!.endpoint.id;
  harness.excluding();
  harness.at(home!).pending = 7;
  expect(harness.picks(1, 'hot')).toEqual([home]);
  harness.at(home!).pending = 8;
  expect(harness.picks(3, 'hot')).toEqual([next, next, next]);
  harness.at(next).pending = 7;
  expect(harness.picks(1, 'hot')).toEqual([next]);
  harness.at(home!).pending = 0;
  expect(harness.picks(1, 'hot')).toEqual([home]);
});

test('a single key never puts more than 1.25 times the fair share on any endpoint', () => {
  for (const given of [fleet(2), fleet(7), [...fleet(2, { weight: 3 }, 'big'), ...fleet(2)]]) {
    const harness = new PolicyHarness(affinity(), given, { seed: 1 });
    const whole = harness.all.reduce((sum, { endpoint }) => sum + endpoint.weight, 0);
    for (let call = 1; call <= 2_000; call++) {
      const picked = harness.pick('hot')!;
      picked.pending++;
      const cap = Math.ceil((1.25 * call * picked.endpoint.weight) / whole);
      expect(picked.pending).toBeLessThanOrEqual(Math.max(8, cap));
    }
    const shares = harness.all.map(({ pending, endpoint }) => (pending * whole) / (2_000 * endpoint.weight));
    expect(Math.max(...shares)).toBeGreaterThan(1.2);
  }
});

test('long, empty and non-ASCII keys work', () => {
  const harness = new PolicyHarness(affinity(), fleet(3), { seed: 1 });
  for (const key of ['', 'ключ', '鍵', '\u0000', 'x'.repeat(100_000)]) {
    expect(new Set(harness.picks(5, key)).size).toBe(1);
  }
  expect(harness.draws).toBe(0);
});

test('the hash uses 53 bits, and one changed letter changes half of them', () => {
  const seen = new Set(keys.map(hashText));
  expect(seen.size).toBe(keys.length);
  for (const hash of seen) expect(Number.isSafeInteger(hash) && hash >= 0).toBe(true);
  const bits = (text: string): string => hashText(text).toString(2).padStart(53, '0');
  let changed = 0;
  for (const key of keys) {
    const other = bits(`${key.slice(0, -1)}#`);
    changed += Array.from(bits(key)).filter((bit, i) => bit !== other[i]).length;
  }
  expect(changed / keys.length / 53).toBeCloseTo(0.5, 1);
});
