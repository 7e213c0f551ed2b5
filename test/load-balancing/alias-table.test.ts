import { expect, test } from 'vitest';
import { aliasTable, drawIndex } from '../../src/load-balancing/alias-table.js';
import { relativeWeights } from '../../src/load-balancing/weights.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { fleet, fakeCandidate } from './candidates.js';

/** The probability of each index according to the table. */
function shares(weights: readonly number[]): number[] {
  const { probability, alias } = aliasTable(Float64Array.from(weights));
  const result = weights.map(() => 0);
  probability.forEach((share, slot) => {
    result[slot]! += share / weights.length;
    result[alias[slot]!]! += (1 - share) / weights.length;
  });
  return result;
}

test('a table represents the shares of its weights exactly', () => {
  const random = seededRandom(1);
  for (const count of [1, 2, 3, 7, 100, 10_000]) {
    const weights = Array.from({ length: count }, () => (random() < 0.2 ? 0 : random() ** 4));
    weights[count - 1] = 0.5;
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    shares(weights).forEach((share, i) => expect(share).toBeCloseTo(weights[i]! / whole, 10));
  }
});

test('an index of weight 0 is never drawn, despite rounding', () => {
  const weights = Float64Array.from({ length: 999 }, (_, i) => (i % 3 === 0 ? 0 : 0.1 + i / 7));
  const table = aliasTable(weights);
  for (let slot = 0; slot < weights.length; slot++) {
    for (const within of [0, 0.5, 1 - 2 ** -40]) {
      expect(weights[drawIndex(table, (slot + within) / weights.length)]).toBeGreaterThan(0);
    }
  }
});

test('the largest unit below 1 gives a valid index', () => {
  for (const count of [1, 2, 3, 8, 1_000]) {
    expect(drawIndex(aliasTable(new Float64Array(count).fill(1)), 1 - 2 ** -53)).toBe(count - 1);
  }
});

test('weights are scaled to a mean of 1, and are undefined when equal', () => {
  const weigh = (...weights: number[]): number[] | undefined => {
    const relative = relativeWeights(
      weights.map((weight, i) => fakeCandidate({ id: `e${String(i)}`, weight })),
    );
    return relative && [...relative];
  };
  expect(weigh()).toBeUndefined();
  expect(weigh(7, 7, 7)).toBeUndefined();
  expect(weigh(0, 0)).toBeUndefined();
  expect(weigh(3, 1)).toEqual([1.5, 0.5]);
  expect(weigh(0, 2)).toEqual([0, 2]);
});

test('the largest and the smallest numbers as weights neither overflow nor vanish', () => {
  const all = [
    fakeCandidate({ id: 'huge', weight: 1_000 }),
    fakeCandidate({ id: 'tiny', weight: Number.MIN_VALUE }),
  ];
  expect([...relativeWeights([...all, ...fleet(2, { weight: 1_000 }).map(fakeCandidate)])!]).toEqual([
    4 / 3,
    1e-9,
    4 / 3,
    4 / 3,
  ]);
});
