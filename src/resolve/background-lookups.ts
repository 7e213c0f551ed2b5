import { AsyncResource } from 'node:async_hooks';
import { abortableSleep } from '../core/abortable-sleep.js';
import { backoffBoundMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
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
  /** Ends the retries. */
  readonly controller: AbortController;
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
    const failing = {
      error,
      lastWantedAt: this.#options.clock.now(),
      controller: new AbortController(),
    };
    this.#failing.set(name, failing);
    this.#context.runInAsyncScope(() => this.#retry(name, failing, lookup));
  }

  stop(): void {
    this.#stopped = true;
    for (const { controller } of this.#failing.values()) controller.abort();
    this.#failing.clear();
  }

  #retry(name: string, failing: FailingLookup, lookup: Promise<ResolvedService>): void {
    const { clock, retry, onRecovered, hasUsable } = this.#options;
    const { signal } = failing.controller;
    retry((attempt) => (attempt === 1 ? lookup : this.#options.lookup(name)), {
      signal,
      wait: async (failure, failures) => {
        if (isClerkError(failure)) failing.error = failure;
        const delay = { maxAskedMs: 0, backoffMs: backoffBoundMs(backoff, failures) };
        await abortableSleep(clock, retryDelayMs(clock.random(), delay), signal, false);
        if (clock.now() - failing.lastWantedAt > retryWhileWantedMs || !hasUsable(name))
          failing.controller.abort();
      },
    }).then(
      (resolved) => {
        this.#failing.delete(name);
        if (!signal.aborted) onRecovered(resolved);
      },
      () => this.#failing.delete(name),
    );
  }
}
