import type { AttemptTimeout } from './attempt-timeout.js';
import { retryBudget, type RetryBudget } from './retry-budget.js';

/** Hedging options of a service. */
export interface HedgeConfig {
  /**
   * Delay before the second attempt, in ms, ≥ 0. If undefined, the delay is the latency at the quantile 1 -
   * `budgetRatio`.
   */
  readonly afterMs: number | undefined;
  /**
   * Ratio of second attempts to calls that the hedge budget allows in any 10 s, > 0 and ≤ 1. In addition, one second
   * attempt is allowed in any 10 s.
   */
  readonly budgetRatio: number;
}

/** Time for which a delay that was computed from latencies is reused, in ms. */
const delayCacheMs = 3_000;
/** Number of retries that hedging must leave in the retry budget, for failover. */
const reservedForFailover = 10;

/**
 * Decides when a second attempt is sent while the first attempt is in flight. Each binding has one policy. Hedging adds
 * load, so two budgets must allow each second attempt: the hedge budget of the binding and the retry budget of the
 * call. Hedging leaves the last 10 retries in the retry budget for failover.
 *
 * @see [Finagle `BackupRequestFilter`](https://twitter.github.io/finagle/guide/MethodBuilder.html#backup-requests)
 * @see [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)
 */
export class HedgingPolicy {
  readonly #config: HedgeConfig;
  readonly #hedgeBudget: RetryBudget;
  readonly #cachedDelays = new Map<
    AttemptTimeout,
    { readonly cachedAt: number; readonly delayMs: number | undefined }
  >();

  constructor(config: HedgeConfig) {
    this.#config = config;
    this.#hedgeBudget = retryBudget(config.budgetRatio, 1);
  }

  /** Counts a call, which increases the number of second attempts that the hedge budget allows. */
  deposit(now: number): void {
    this.#hedgeBudget.deposit(now);
  }

  /**
   * Returns the delay before the second attempt, in ms; undefined while too few latencies are recorded to compute the
   * delay.
   */
  delayMs(attemptTimeout: AttemptTimeout, now: number): number | undefined {
    const { afterMs, budgetRatio } = this.#config;
    if (afterMs !== undefined) return afterMs;
    const cached = this.#cachedDelays.get(attemptTimeout);
    if (cached !== undefined && now - cached.cachedAt < delayCacheMs) return cached.delayMs;
    const delayMs = attemptTimeout.quantileMs(1 - budgetRatio);
    this.#cachedDelays.set(attemptTimeout, { cachedAt: now, delayMs });
    return delayMs;
  }

  /**
   * Takes one hedge from the hedge budget and one retry from the retry budget of the call. If true is returned, the
   * caller must call `spent` or `refund` of the retry budget.
   *
   * @returns false when a budget refuses the second attempt; nothing is withdrawn then
   */
  tryReserve(now: number, budget: RetryBudget): boolean {
    if (budget.available(now) <= reservedForFailover || !this.#hedgeBudget.tryWithdraw(now)) return false;
    if (!budget.tryWithdraw(now)) {
      this.#hedgeBudget.refund();
      return false;
    }
    this.#hedgeBudget.spent(now);
    return true;
  }
}
