import { expect, test } from 'vitest';
import { chiSquareP } from './chi-square.js';

test('the critical values at p = 0.001 match the tables for 1, 2, 3 and 9 degrees of freedom', () => {
  const even = (count: number): Record<string, number> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${String(i)}`, 1]));
  const at = (statistic: number, freedom: number): number => {
    // Two counts differ by d, the rest are exact: the statistic is 2 d² / expected.
    const off = Math.sqrt((statistic * 10_000) / 2);
    const counts = Object.fromEntries(
      Object.keys(even(freedom + 1)).map((id, i) => [id, 10_000 + (i === 0 ? off : i === 1 ? -off : 0)]),
    );
    return chiSquareP(counts, even(freedom + 1));
  };
  expect(at(10.828, 1)).toBeCloseTo(0.001, 5);
  expect(at(13.816, 2)).toBeCloseTo(0.001, 5);
  expect(at(16.266, 3)).toBeCloseTo(0.001, 5);
  expect(at(27.877, 9)).toBeCloseTo(0.001, 5);
});

test('a skew of 2 % in 100,000 draws is detected, and so is an unknown id', () => {
  expect(chiSquareP({ a: 51_000, b: 49_000 }, { a: 1, b: 1 })).toBeLessThan(0.001);
  expect(chiSquareP({ a: 50_000, b: 49_999, c: 1 }, { a: 1, b: 1 })).toBe(0);
});
