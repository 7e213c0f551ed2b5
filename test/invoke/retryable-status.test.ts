import { expect, test } from 'vitest';
import {
  defaultRetryableStatuses,
  isFailureStatus,
  isRetryableStatus,
} from '../../src/invoke/retryable-status.js';

test('every 5xx except 501 counts as a failure', () => {
  expect([199, 200, 404, 429, 499, 501].some(isFailureStatus)).toBe(false);
  expect([500, 502, 503, 504, 511, 599].every(isFailureStatus)).toBe(true);
});

test.each([
  // status, of an endpoint that failed several calls in a row, statuses of the program, retryable
  [503, false, defaultRetryableStatuses, true],
  [429, false, defaultRetryableStatuses, true],
  [500, false, defaultRetryableStatuses, false],
  [500, true, defaultRetryableStatuses, true],
  [501, true, defaultRetryableStatuses, false],
  [404, true, defaultRetryableStatuses, false],
  [404, false, new Set([404]), true],
  [503, false, new Set([404]), false],
  [503, false, undefined, false],
  [503, true, undefined, true],
] as const)(
  'status %d is retryable: doubted endpoint %s, statuses %o: %s',
  (status, isDoubted, statuses, isRetryable) => {
    expect(isRetryableStatus(status, statuses, isDoubted)).toBe(isRetryable);
  },
);
