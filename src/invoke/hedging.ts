/**
 * A second endpoint is asked while the first has not answered, and whoever answers first wins. Costs load, so it has a
 * budget of its own beside the one of all repeats, and leaves half of that one to failover.
 */
import { retryBudget, type RetryBudget } from './budget.js';
import type { LatencyWindow } from './limits.js';

/** How a service is hedged. */
export interface HedgeConfig {
  /** How long the first is waited for, in ms, ≥ 0; undefined: as long as all but `share` of the answers take. */
  readonly afterMs: number | undefined;
  /** Second attempts per call in any 10 s, > 0 … 1. */
  readonly share: number;
}

/** A wait that was learned is used for this long, in ms. */
const learnedMs = 3_000;
/** Of the budget of all repeats this many are left to failover. */
const leftToFailover = 15;

/** See the file's header. One per binding. @see Finagle `BackupRequestFilter`; gRPC A6 */
export class Hedging {
  readonly #config: HedgeConfig;
  readonly #own: RetryBudget;
  readonly #shared: RetryBudget;
  readonly #learned = new Map<LatencyWindow, { readonly at: number; readonly ms: number | undefined }>();

  /** @param shared - the budget of all repeats of the service */
  constructor(config: HedgeConfig, shared: RetryBudget) {
    this.#config = config;
    this.#shared = shared;
    this.#own = retryBudget(config.share, 1);
  }

  /** Counts a call. */
  deposit(now: number): void {
    this.#own.deposit(now);
  }

  /** How long the first attempt is waited for, in ms; undefined while too little is known. */
  delayMs(window: LatencyWindow, now: number): number | undefined {
    const { afterMs, share } = this.#config;
    if (afterMs !== undefined) return afterMs;
    const known = this.#learned.get(window);
    if (known !== undefined && now - known.at < learnedMs) return known.ms;
    const ms = window.quantileMs(1 - share);
    this.#learned.set(window, { at: now, ms });
    return ms;
  }

  /** Takes a second attempt, in both budgets, or says that there is none. The shared one is then as after its `tryWithdraw`. */
  take(now: number): boolean {
    if (this.#shared.available(now) <= leftToFailover || !this.#own.tryWithdraw(now)) return false;
    if (!this.#shared.tryWithdraw(now)) {
      this.#own.refund();
      return false;
    }
    this.#own.spent(now);
    return true;
  }
}
