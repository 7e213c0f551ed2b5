import { expect, test } from 'vitest';
import { rendezvousSubset } from '../../src/load-balancing/subset.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { fleet, fakeCandidate, type FakeCandidate } from './candidates.js';
import { chiSquareP } from './chi-square.js';

const seeds = (count: number): number[] => {
  const random = seededRandom(1);
  return Array.from({ length: count }, () => Math.floor(random() * 2 ** 32));
};
const ids = (list: readonly FakeCandidate[]): string[] => list.map(({ endpoint }) => endpoint.id);
const servers = (count: number): FakeCandidate[] => fleet(count, {}, 'server-').map(fakeCandidate);

test('the subset has the given size, keeps the order and depends on the seed alone', () => {
  const all = servers(500);
  for (const size of [1, 12, 100, 499]) {
    const part = rendezvousSubset(all, 7, size);
    expect(part).toHaveLength(size);
    expect(part).toEqual(all.filter((one) => part.includes(one)));
    expect(new Set(ids(rendezvousSubset(all.toReversed(), 7, size)))).toEqual(new Set(ids(part)));
  }
  expect(rendezvousSubset(all, 7, 500)).toBe(all);
  expect(rendezvousSubset(all, 7, Infinity)).toBe(all);
  expect(ids(rendezvousSubset(all, 7, 100))).not.toEqual(ids(rendezvousSubset(all, 8, 100)));
});

test('adding or removing one server changes at most one entry of a subset', () => {
  const all = servers(300);
  let changed = 0;
  for (const seed of seeds(30)) {
    const part = ids(rendezvousSubset(all, seed, 100));
    for (const gone of [0, 57, 299]) {
      const id = all[gone]!.endpoint.id;
      const without = ids(rendezvousSubset(all.toSpliced(gone, 1), seed, 100));
      const left = part.filter((one) => !without.includes(one));
      expect(left).toEqual(part.includes(id) ? [id] : []);
      expect(without.filter((one) => !part.includes(one))).toHaveLength(left.length);
      changed += left.length;
    }
  }
  expect(changed).toBeGreaterThan(15);
});

test('a larger subset contains the smaller one', () => {
  const all = servers(400);
  const small = rendezvousSubset(all, 3, 100);
  expect(rendezvousSubset(all, 3, 200)).toEqual(expect.arrayContaining([...small]));
});

test('over 1,000 clients every server is in equally many subsets, within statistical limits', () => {
  for (const [count, size] of [
    [150, 100],
    [1_000, 100],
    [1_000, 12],
  ] as const) {
    const all = servers(count);
    const counts: Record<string, number> = {};
    for (const seed of seeds(1_000))
      for (const id of ids(rendezvousSubset(all, seed, size))) counts[id] = (counts[id] ?? 0) + 1;
    const even = Object.fromEntries(ids(all).map((id) => [id, 1]));
    expect(chiSquareP(counts, even), `${String(size)} of ${String(count)}`).toBeGreaterThan(0.001);
    // The number of subsets per server is binomial: 5 standard deviations.
    const mean = (1_000 * size) / count;
    const deviation = Math.sqrt(mean * (1 - size / count));
    for (const times of Object.values(counts)) expect(Math.abs(times - mean)).toBeLessThan(5 * deviation);
  }
});

test('similar seeds give dissimilar subsets', () => {
  const all = servers(1_000);
  const common: number[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const next = new Set(rendezvousSubset(all, seed + 1, 100));
    common.push(rendezvousSubset(all, seed, 100).filter((one) => next.has(one)).length);
  }
  // Two subsets of 100 of 1,000 have 10 ± 2.85 in common; the mean of 200 pairs is within 0.2 of that.
  expect(common.reduce((sum, value) => sum + value, 0) / common.length).toBeCloseTo(10, 0);
});
