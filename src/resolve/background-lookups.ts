import { AsyncResource } from 'node:async_hooks';
import { backoffBoundMs } from '../core/backoff.js';
import type { Clock, Timer } from '../core/clock.js';
import { isClerkError, type ClerkError } from '../core/errors.js';
import { retryDelayMs } from '../core/server-requested-delay.js';
import type { ResolvedService } from '../core/resolution-result.js';
import type { RetryLoop } from '../core/retry-loop.js';

export interface BackgroundLookupsOptions {
  readonly clock: Clock;
  readonly retry: RetryLoop;
  readonly lookup: (name: string) => Promise<ResolvedService>;
  readonly hasUsable: (name: string) => boolean;
  readonly onRecovered: (resolved: ResolvedService) => void;
}

interface FailingLookup {
  error: ClerkError;
  lastWantedAt: number;
}

const backoff = { firstMs: 200, maxMs: 5_000 };
/**
 * Retries of a name end when no caller has requested the name for this time. The time must exceed `staleTtlMs` in
 * `last-known-good.ts`, because requests that the cache answers are not counted.
 */
const retryWhileWantedMs = 10_000;

export class BackgroundLookups {
  readonly #options: BackgroundLookupsOptions;
  readonly #failing = new Map<string, FailingLookup>();
  /** A retry must not run in the async context of a call. */
  readonly #context = new AsyncResource('CLERK_LOOKUP_RETRY');
  readonly #backoffTimers = new Map<Timer, () => void>();
  #stopped = false;

  constructor(options: BackgroundLookupsOptions) {
    this.#options = options;
  }

  /**
   * Returns the error of the last lookup while the lookup of the name is being retried. Called for each request that
   * the cache does not answer. Each call prolongs the retries.
   */
  errorFor(name: string): ClerkError | undefined {
    const failing = this.#failing.get(name);
    if (failing) failing.lastWantedAt = this.#options.clock.now();
    return failing?.error;
  }

  /**
   * Retries a failed lookup until no caller has requested the name for 10 s, or the last result may no longer be
   * used.
   * @param lookup - the lookup that failed or is late
   */
  start(name: string, error: ClerkError, lookup: Promise<ResolvedService>): void {
    if (this.#stopped || this.#failing.has(name)) return;
    const failing = { error, lastWantedAt: this.#options.clock.now() };
    this.#failing.set(name, failing);
    this.#context.runInAsyncScope(() => this.#retry(name, failing, lookup));
  }

  stop(): void {
    this.#stopped = true;
    this.#failing.clear();
    for (const [timer, resolve] of this.#backoffTimers) {
      timer.cancel();
      resolve();
    }
    this.#backoffTimers.clear();
  }

  #retry(name: string, failing: FailingLookup, lookup: Promise<ResolvedService>): void {
    const { clock, retry, onRecovered, hasUsable } = this.#options;
    retry(
      (attempt) => (attempt === 1 ? lookup : this.#options.lookup(name)),
      async (failure, attempt) => {
        if (isClerkError(failure)) failing.error = failure;
        const delay = { maxAskedMs: 0, backoffMs: backoffBoundMs(backoff, attempt) };
        await this.#backOff(retryDelayMs(clock.random(), delay));
        if (this.#stopped || clock.now() - failing.lastWantedAt > retryWhileWantedMs || !hasUsable(name))
          throw failing.error;
      },
    ).then(
      (resolved) => {
        this.#failing.delete(name);
        if (!this.#stopped) onRecovered(resolved);
      },
      () => this.#failing.delete(name),
    );
  }

  #backOff(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(() => {
        this.#backoffTimers.delete(timer);
        resolve();
      }, ms);
      timer.setRef(false);
      this.#backoffTimers.set(timer, resolve);
    });
  }
}
