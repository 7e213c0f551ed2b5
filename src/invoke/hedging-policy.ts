/**
 * A second endpoint is asked while the first has not answered, and whoever answers first wins. Costs load, so it has a
 * budget of its own beside the one of all repeats, and leaves half of that one to failover.
 */
import { retryBudget, type RetryBudget } from './retry-budget.js';
import type { LatencyHistogram } from './attempt-timeout.js';

/** How a service is hedged. */
export interface HedgeConfig {
  /** How long the first is waited for, in ms, ≥ 0; undefined: as long as all but `share` of the answers take. */
  readonly afterMs: number | undefined;
  /** Second attempts per call in any 10 s, > 0 … 1. */
  readonly budgetRatio: number;
}

/** A wait that was learned is used for this long, in ms. */
const delayCacheMs = 3_000;
/** Of the budget of all repeats this many are left to failover. */
const reservedForFailover = 15;

/** See the file's header. One per binding. @see Finagle `BackupRequestFilter`; gRPC A6 */
export class HedgingPolicy {
  readonly #config: HedgeConfig;
  readonly #hedgeBudget: RetryBudget;
  readonly #retryBudget: RetryBudget;
  readonly #cachedDelays = new Map<
    LatencyHistogram,
    { readonly cachedAt: number; readonly delayMs: number | undefined }
  >();

  /** @param sharedBudget - the budget of all repeats of the service */
  constructor(config: HedgeConfig, sharedBudget: RetryBudget) {
    this.#config = config;
    this.#retryBudget = sharedBudget;
    this.#hedgeBudget = retryBudget(config.budgetRatio, 1);
  }

  /** Counts a call. */
  deposit(now: number): void {
    this.#hedgeBudget.deposit(now);
  }

  /** How long the first attempt is waited for, in ms; undefined while too little is known. */
  delayMs(histogram: LatencyHistogram, now: number): number | undefined {
    const { afterMs, budgetRatio } = this.#config;
    if (afterMs !== undefined) return afterMs;
    const cached = this.#cachedDelays.get(histogram);
    if (cached !== undefined && now - cached.cachedAt < delayCacheMs) return cached.delayMs;
    const delayMs = histogram.quantileMs(1 - budgetRatio);
    this.#cachedDelays.set(histogram, { cachedAt: now, delayMs });
    return delayMs;
  }

  /** Takes a second attempt, in both budgets, or says that there is none. The shared one is then as after its `tryWithdraw`. */
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
