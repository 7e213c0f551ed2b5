import { expect, test } from 'vitest';
import { clampWeights } from '../../../src/registry/remote/clamp-weights.js';

test.each([
  [
    [1, 1, 1, 1_000],
    [1, 1, 1, 10],
  ],
  // Of two endpoints, the lower weight is the median.
  [
    [1, 1_000],
    [1, 10],
  ],
  [
    [1_000, 1],
    [10, 1],
  ],
  [
    [2, 4, 40],
    [2, 4, 40],
  ],
  [
    [2, 4, 41],
    [2, 4, 40],
  ],
  [
    [0, 0, 1_000],
    [0, 0, 1_000],
  ],
  [
    [0, 1, 1_000],
    [0, 1, 10],
  ],
  [
    [0.001, 1],
    [0.001, 0.01],
  ],
  [
    [1_000, 1_000],
    [1_000, 1_000],
  ],
  [[], []],
])('weights %j become %j', (given, expected) => {
  const endpoints = given.map((weight, i) => ({ id: String(i), weight }));
  expect(clampWeights(endpoints).map(({ weight }) => weight)).toEqual(expected);
  expect(endpoints.map(({ weight }) => weight)).toEqual(given);
});

test('a missing weight is 1', () => {
  expect(
    clampWeights([{ id: 'a' }, { id: 'b' }, { id: 'c', weight: 500 }]).map(({ weight }) => weight),
  ).toEqual([...[undefined, undefined, 10]]);
});
