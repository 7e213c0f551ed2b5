import { expect, test } from 'vitest';
import { backoffBoundMs, backoffMs, equalJitterMs } from '../../src/core/backoff.js';

const backoff = { firstMs: 100, maxMs: 5_000 };

test.each([
  [0, 0],
  [1, 100],
  [2, 200],
  [3, 400],
  [6, 3_200],
  [7, 5_000],
  [2_000, 5_000],
])('after %i failures in a row, the bound is %i ms', (failures, expected) => {
  expect(backoffBoundMs(backoff, failures)).toBe(expected);
});

test('the wait is the same share of the bound as the random number is of 1', () => {
  expect(backoffMs(backoff, 3, 0)).toBe(0);
  expect(backoffMs(backoff, 3, 0.25)).toBe(100);
  expect(backoffMs(backoff, 3, 0.999)).toBeCloseTo(399.6, 9);
});

test('with equal jitter, the wait is at least half of the bound', () => {
  expect([0, 0.5, 0.999].map((random) => equalJitterMs(400, random))).toEqual([200, 300, 399.8]);
});
