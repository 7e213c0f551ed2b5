import type { RetryOverrides } from '../core/retry-options.js';
import { defaultRetryableStatuses } from './retryable-status.js';
import type { RetryBudget } from './retry-budget.js';

export interface RetrySettings {
  readonly max: number;
  readonly statuses: ReadonlySet<number>;
}

export const defaultRetries: RetrySettings = Object.freeze({
  max: 4,
  statuses: defaultRetryableStatuses,
});

/** Maximum number of attempts of a call that are in flight at once. */
export const maxInFlight = 3;

/**
 * Maximum number of further attempts of a call whose retries are switched off. A further attempt is possible only
 * while no byte of the request was written.
 */
export const maxMoves = 4;

export interface AttemptTimeoutBounds {
  readonly minMs: number;
  /**
   * If undefined, the bound is 1,000 with fewer than 20 responses of the route class. With 20 or more responses, the
   * bound is half of the call timeout, but at least 1,000. The bound is never below `minMs`.
   */
  readonly maxMs: number | undefined;
}

export const defaultAttemptTimeout: AttemptTimeoutBounds = Object.freeze({ minMs: 25, maxMs: undefined });

export interface RetryLimits {
  readonly ratio: number;
  readonly minPerSecond: number;
}

export const defaultLimits: RetryLimits = Object.freeze({ ratio: 0.1, minPerSecond: 3 });

/** Each setting comes from the request, else the binding, else the service config, else the defaults. */
export interface RetryConfig {
  /**
   * Undefined if retries are switched off. A request that was sent is then not sent again. An unsent request may
   * still move to another endpoint.
   */
  readonly retries: RetrySettings | undefined;
  readonly attemptTimeout: AttemptTimeoutBounds;
  readonly budget: RetryBudget;
  readonly limits: RetryLimits;
}

/**
 * Merges the settings field by field.
 * @param levels - service config, binding and request; a later level takes precedence
 * @param budgetFor - returns the budget that all calls with these limits share
 */
export function mergeRetryConfig(
  levels: readonly RetryOverrides[],
  budgetFor: (ratio: number, minPerSecond: number) => RetryBudget,
): RetryConfig {
  let { minMs, maxMs } = defaultAttemptTimeout;
  let { max, statuses } = defaultRetries;
  let { ratio, minPerSecond } = defaultLimits;
  let isOff = false;
  for (const { attemptTimeoutMs, retries } of levels) {
    const bounds =
      typeof attemptTimeoutMs === 'number'
        ? { min: attemptTimeoutMs, max: attemptTimeoutMs }
        : attemptTimeoutMs;
    // If the minimum of one level exceeds the maximum of another, the later level wins.
    if (bounds?.max !== undefined) {
      maxMs = bounds.max;
      minMs = Math.min(minMs, maxMs);
    }
    if (bounds?.min !== undefined) {
      minMs = bounds.min;
      if (maxMs !== undefined) maxMs = Math.max(minMs, maxMs);
    }
    if (retries === undefined) continue;
    isOff = retries === false;
    if (retries === false) continue;
    max = retries.max ?? max;
    if (retries.statuses) statuses = new Set(retries.statuses);
    ratio = retries.budget?.ratio ?? ratio;
    minPerSecond = retries.budget?.minPerSecond ?? minPerSecond;
  }
  return Object.freeze({
    retries: isOff ? undefined : Object.freeze({ max, statuses }),
    attemptTimeout: Object.freeze({ minMs, maxMs }),
    budget: budgetFor(ratio, minPerSecond),
    limits: Object.freeze({ ratio, minPerSecond }),
  });
}
