import type { RetryOverrides } from '../core/retry-options.js';
import type { RetryBudget } from './retry-budget.js';

/** Settings of the retries of a call. */
export interface RetrySettings {
  /** Maximum number of attempts after the first, ≥ 0. */
  readonly max: number;
  /** Response statuses after which a safe or idempotent call is retried. */
  readonly statuses: ReadonlySet<number>;
}

/**
 * Retry settings of a call for which nothing is configured: at most 4 retries, after the statuses 429, 502, 503 and
 * 504.
 *
 * @see [C2.1](../../docs/guarantees.md#c2-1)
 */
export const defaultRetries: RetrySettings = Object.freeze({
  max: 4,
  statuses: new Set([429, 502, 503, 504]),
});

/** Bounds of the attempt timeout, in ms, `minMs` ≤ `maxMs`. Equal bounds fix the attempt timeout. */
export interface AttemptTimeoutBounds {
  readonly minMs: number;
  /**
   * If undefined, the upper bound is 1,000 while fewer than 20 responses of the route class are recorded. With 20 or
   * more responses, the upper bound is half of the call timeout, but at least 1,000. The attempt timeout is never below
   * `minMs`.
   */
  readonly maxMs: number | undefined;
}

/** Bounds of the attempt timeout if nothing is configured. */
export const defaultAttemptTimeout: AttemptTimeoutBounds = Object.freeze({ minMs: 25, maxMs: undefined });

/** Limits of a retry budget. */
export interface RetryLimits {
  /** Number of allowed retries per call, on average. */
  readonly ratio: number;
  /** Number of retries per second that are allowed in addition to `ratio`. */
  readonly minPerSecond: number;
}

/** Limits of the retry budget if nothing is configured. @see [C4.1](../../docs/guarantees.md#c4-1) */
export const defaultLimits: RetryLimits = Object.freeze({ ratio: 0.1, minPerSecond: 3 });

/**
 * Settings of one call. A setting comes from the request, otherwise from the binding, otherwise from the service
 * config, otherwise from the defaults.
 */
export interface RetryConfig {
  /**
   * Undefined if retries are switched off. The call is then not retried after its request was sent, and no attempt
   * joins.
   */
  readonly retries: RetrySettings | undefined;
  readonly attemptTimeout: AttemptTimeoutBounds;
  readonly budget: RetryBudget;
  /** Limits of `budget`. */
  readonly limits: RetryLimits;
}

/**
 * Merges the settings of several levels field by field.
 *
 * @param levels - service config, binding and request; a later level takes precedence
 * @param budgetFor - returns the budget for these limits; calls of the service with the same limits share one budget
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
    // If a minimum exceeds the maximum of another level, the bound of the earlier level is set to the bound of the
    // later level.
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
