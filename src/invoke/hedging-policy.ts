import type { AttemptTimeout } from './attempt-timeout.js';
import { retryBudget, type RetryBudget } from './retry-budget.js';

export interface HedgeConfig {
  /** Delay of a hedge, in ms. If undefined, the delay is the latency at the quantile 1 - `budgetRatio`. */
  readonly afterMs: number | undefined;
  /**
   * Maximum number of hedges, as a fraction of the calls in the last 10 s. One further hedge is allowed in any 10 s.
   */
  readonly budgetRatio: number;
}

const delayCacheMs = 3_000;
const reservedForFailover = 10;

/**
 * Hedging adds load, so two budgets must allow each second attempt: the hedge budget of the binding and the retry
 * budget of the call.
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

  deposit(now: number): void {
    this.#hedgeBudget.deposit(now);
  }

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
   * Reserves one hedge in the hedge budget and one retry in `budget`. The caller must then call `budget.spent` or
   * `budget.refund`. Returns false, and reserves nothing, if a budget refuses.
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
