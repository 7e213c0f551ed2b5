import { abortableSleep } from '../../core/abortable-sleep.js';
import { backoffMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import { isClerkError, type ClerkError } from '../../core/errors.js';
import type { RetryLoop } from '../../core/retry-loop.js';

/** Requests are repeated for this time after a registry stops responding, in ms. A restart takes 1 to 2 s. */
const maxRestartMs = 3_000;
const backoff = { firstMs: 50, maxMs: 500 };
/** Part of each delay that is not random, in ms. */
const minDelayMs = 25;
/** A failure starts a new outage if the previous failure was longer ago than this time, in ms. */
const forgetAfterMs = 10_000;

/**
 * Repeats requests to a registry that does not respond, so that requests do not fail while the registry restarts. After
 * 3 s without any response, each request fails at once.
 *
 * @see [C1.9](../../../docs/guarantees.md#c1-9)
 */
export class RegistryRetries {
  readonly #clock: Clock;
  readonly #retry: RetryLoop;
  #startedAt = 0;
  #lastFailureAt = -Infinity;
  #failure: ClerkError | undefined;

  constructor(clock: Clock, retry: RetryLoop) {
    this.#clock = clock;
    this.#retry = retry;
  }

  /** Error of the last request, if it got no response. */
  get failure(): ClerkError | undefined {
    return this.#failure;
  }

  /** Rejects with the error of the last attempt, or with the reason of `signal`. */
  async run<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
    let sentAt = 0;
    let leftMs = 0;
    const attempt = (): Promise<T> => {
      sentAt = this.#clock.now();
      return request();
    };
    const response = await this.#retry(attempt, {
      signal,
      shouldRetry: (error) => {
        if (!isUnresponsive(error)) return false;
        this.#failure = error;
        leftMs = this.#leftMs(sentAt);
        return leftMs > 0;
      },
      wait: (_error, failures) => {
        const delayMs = minDelayMs + backoffMs(backoff, failures, this.#clock.random());
        return abortableSleep(this.#clock, Math.min(leftMs, delayMs), signal, false);
      },
    });
    this.#lastFailureAt = -Infinity;
    this.#failure = undefined;
    return response;
  }

  #leftMs(sentAt: number): number {
    const now = this.#clock.now();
    if (now - this.#lastFailureAt > forgetAfterMs) this.#startedAt = sentAt;
    this.#lastFailureAt = now;
    return this.#startedAt + maxRestartMs - now;
  }
}

/** Whether the registry did not respond. An error with `remainingMs` is a response that states when to retry. */
function isUnresponsive(error: unknown): error is ClerkError {
  if (!isClerkError(error)) return false;
  return error.code === 'REGISTRY_UNREACHABLE' && error.remainingMs === undefined;
}
