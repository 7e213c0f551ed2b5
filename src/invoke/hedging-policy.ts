import type { AttemptTimeout } from './attempt-timeout.js';
import { retryBudget, type RetryBudget } from './retry-budget.js';

/** Hedging options of a service. */
export interface HedgeConfig {
  /** Delay before the second attempt, in ms, ≥ 0; undefined: the latency quantile 1 - `budgetRatio`. */
  readonly afterMs: number | undefined;
  /** Second attempts per call in any 10 s, above 0 and at most 1. */
  readonly budgetRatio: number;
}

/** How long a delay taken from the latencies is cached, in ms. */
const delayCacheMs = 3_000;
/** Retries of the shared budget that hedging leaves to failover. */
const reservedForFailover = 15;

/**
 * Decides when a second attempt is sent beside the first one, and whether the budgets allow it. One per binding.
 * Hedging costs load, so it has a budget of its own beside the shared retry budget, and leaves half of that one to
 * failover.
 *
 * @see [Finagle `BackupRequestFilter`](https://twitter.github.io/finagle/guide/MethodBuilder.html#backup-requests)
 * @see [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)
 */
export class HedgingPolicy {
  readonly #config: HedgeConfig;
  readonly #hedgeBudget: RetryBudget;
  readonly #retryBudget: RetryBudget;
  readonly #cachedDelays = new Map<
    AttemptTimeout,
    { readonly cachedAt: number; readonly delayMs: number | undefined }
  >();

  /** @param sharedBudget - the retry budget of the service */
  constructor(config: HedgeConfig, sharedBudget: RetryBudget) {
    this.#config = config;
    this.#retryBudget = sharedBudget;
    this.#hedgeBudget = retryBudget(config.budgetRatio, 1);
  }

  /** Counts a call towards the hedge budget. */
  deposit(now: number): void {
    this.#hedgeBudget.deposit(now);
  }

  /** Delay before the second attempt, in ms; undefined while there are too few latencies. */
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
   * Withdraws a second attempt from both budgets. On success the shared one is in the state after its `tryWithdraw`.
   */
  tryReserve(now: number): boolean {
    if (this.#retryBudget.available(now) <= reservedForFailover || !this.#hedgeBudget.tryWithdraw(now))
      return false;
    if (!this.#retryBudget.tryWithdraw(now)) {
      this.#hedgeBudget.refund();
      return false;
    }
    this.#hedgeBudget.spent(now);
    return true;
  }
}
