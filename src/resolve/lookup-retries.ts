import { AsyncResource } from 'node:async_hooks';
import type { Clock, Timer } from '../core/clock.js';
import { isClerkError, type ClerkError } from '../core/errors.js';
import type { ResolvedService } from '../core/resolution-result.js';
import type { RetryLoop } from '../core/retry-loop.js';

export interface LookupRetriesOptions {
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

const minBackoffMs = 200;
const maxBackoffMs = 5_000;
/**
 * Retries of a name end when no caller has requested the name for this time. The time must exceed `staleTtlMs`,
 * because requests that the cache answers are not counted.
 */
const retryWhileWantedMs = 10_000;

export class LookupRetries {
  readonly #options: LookupRetriesOptions;
  readonly #failing = new Map<string, FailingLookup>();
  /** A retry must not run in the context of a call. */
  readonly #context = new AsyncResource('CLERK_LOOKUP_RETRY');
  readonly #backoffTimers = new Map<Timer, () => void>();
  #stopped = false;

  constructor(options: LookupRetriesOptions) {
    this.#options = options;
  }

  /**
   * Returns the error of the last lookup while the lookup of the name is being retried. Called for each request that
   * the cache does not answer, and prolongs the retries.
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
        // A random delay, from half to all of the backoff, so that clerks retry at different times.
        const backoffMs =
          Math.min(maxBackoffMs, minBackoffMs * 2 ** (attempt - 1)) * (0.5 + 0.5 * clock.random());
        await this.#backOff(backoffMs);
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
