/** Settings of the retries of a call. */
export interface RetrySettings {
  /** Maximum number of attempts after the first, ≥ 0. */
  readonly max: number;
  /** Response statuses after which a safe or idempotent call is retried. */
  readonly statuses: ReadonlySet<number>;
}

/**
 * Retries of a call for which nothing is configured: 4, after the statuses 429, 502, 503 and 504.
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
  /** Undefined: 1,000, or half the time of the call once 20 responses of the route class were recorded. */
  readonly maxMs: number | undefined;
}

/** Bounds of the attempt timeout if nothing is configured. */
export const defaultAttemptTimeout: AttemptTimeoutBounds = Object.freeze({ minMs: 25, maxMs: undefined });

/**
 * Settings of one call: those of its request, otherwise of its binding, otherwise of the service config, otherwise the
 * defaults.
 */
export interface RetryConfig {
  /** Undefined if the call is neither retried after its request was sent, nor joined by a second attempt. */
  readonly retries: RetrySettings | undefined;
  readonly attemptTimeout: AttemptTimeoutBounds;
}
