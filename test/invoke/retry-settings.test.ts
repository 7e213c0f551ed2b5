import { expect, test } from 'vitest';
import type { RetryOverrides } from '../../src/core/retry-options.js';
import { retryBudget } from '../../src/invoke/retry-budget.js';
import { mergeRetryConfig } from '../../src/invoke/retry-settings.js';

const merge = (...levels: RetryOverrides[]) =>
  mergeRetryConfig(levels, (ratio, minPerSecond) => retryBudget(ratio, 10 * minPerSecond));

test('without settings a call has four retries, after 429, 502, 503 and 504', () => {
  const { retries, attemptTimeout, limits, budget } = merge();
  expect(retries?.max).toBe(4);
  const retried = Array.from({ length: 600 }, (_, status) => status).filter((status) =>
    retries?.statuses.has(status),
  );
  expect(retried).toEqual([429, 502, 503, 504]);
  expect(attemptTimeout).toEqual({ minMs: 25, maxMs: undefined });
  expect(limits).toEqual({ ratio: 0.1, minPerSecond: 3 });
  expect(budget.available(1_000)).toBe(20);
});

test('a later level replaces the fields that it sets, and keeps the others', () => {
  const { retries, limits } = merge(
    { retries: { max: 2, statuses: [500], budget: { ratio: 0.5 } } },
    { retries: { budget: { minPerSecond: 10 } } },
    { retries: { max: 0 } },
  );
  expect([retries?.max, [...(retries?.statuses ?? [])]]).toEqual([0, [500]]);
  expect(limits).toEqual({ ratio: 0.5, minPerSecond: 10 });
});

test('retries: false switches retries off; a later level may switch them on again', () => {
  expect(merge({ retries: { max: 2 } }, { retries: false }).retries).toBeUndefined();
  expect(merge({ retries: false }, {}).retries).toBeUndefined();
  expect(merge({ retries: { max: 2 } }, { retries: false }, { retries: {} }).retries?.max).toBe(2);
});

test('a number fixes the attempt timeout', () => {
  expect(merge({ attemptTimeoutMs: 300 }).attemptTimeout).toEqual({ minMs: 300, maxMs: 300 });
  expect(
    merge({ attemptTimeoutMs: { min: 50, max: 100 } }, { attemptTimeoutMs: 300 }).attemptTimeout,
  ).toEqual({
    minMs: 300,
    maxMs: 300,
  });
});

test.each<[string, RetryOverrides[], { minMs: number; maxMs: number | undefined }]>([
  [
    'a bound alone keeps the other default',
    [{ attemptTimeoutMs: { min: 80 } }],
    { minMs: 80, maxMs: undefined },
  ],
  [
    'a maximum below the default minimum lowers it',
    [{ attemptTimeoutMs: { max: 10 } }],
    { minMs: 10, maxMs: 10 },
  ],
  [
    'a minimum of a later level raises the maximum of a lower one',
    [{ attemptTimeoutMs: { max: 100 } }, { attemptTimeoutMs: { min: 200 } }],
    { minMs: 200, maxMs: 200 },
  ],
  [
    'a maximum of a later level lowers the minimum of a lower one',
    [{ attemptTimeoutMs: { min: 200 } }, { attemptTimeoutMs: { max: 100 } }],
    { minMs: 100, maxMs: 100 },
  ],
])('bounds of the attempt timeout: %s', (_why, levels, expected) => {
  expect(merge(...levels).attemptTimeout).toEqual(expected);
});
