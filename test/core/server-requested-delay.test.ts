import { expect, test } from 'vitest';
import { clampWaitMs, retryDelayMs } from '../../src/core/server-requested-delay.js';

test.each([
  [undefined, 5_000, 100],
  [NaN, 5_000, 100],
  [-Infinity, 5_000, 100],
  [-1, 5_000, 100],
  [0.001, 5_000, 100],
  [100, 5_000, 100],
  [250, 5_000, 250],
  [5_001, 5_000, 5_000],
  [Infinity, 5_000, 5_000],
  [1e308, 5_000, 5_000],
  [50, 20, 100],
])('a wait of %s ms, at most %s ms, becomes %s ms', (askedMs, maxMs, expected) => {
  expect(clampWaitMs(askedMs, maxMs)).toBe(expected);
});

test('a delay has the clamped wait and a random part', () => {
  const delay = (random: number, askedMs?: number) =>
    retryDelayMs(random, { askedMs, maxAskedMs: 5_000, backoffMs: 500 });
  expect([delay(0), delay(0.5), delay(1)]).toEqual([100, 300, 500]);
  expect([delay(0, -1e6), delay(1, -1e6)]).toEqual([100, 500]);
  expect([delay(0, 2_000), delay(1, 2_000)]).toEqual([2_000, 2_400]);
  expect(retryDelayMs(1, { maxAskedMs: 0, backoffMs: 10 })).toBe(100);
});
