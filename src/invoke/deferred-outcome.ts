import type { CallFacts } from './retry-decision.js';
import type { DeferredResponse } from './deferred-response.js';
import type { RetrySettings } from './retry-settings.js';

/** The response, or the error of an invalid response, that a call delivers if no attempt gets a better response. */
export class DeferredOutcome {
  #response: DeferredResponse | undefined = undefined;
  /** Error of an attempt whose response could not be parsed. */
  error: Error | undefined = undefined;

  /** The deferred response; undefined if there is none, or if it has failed. */
  get response(): DeferredResponse | undefined {
    return this.#response?.isBroken === false ? this.#response : undefined;
  }

  /**
   * Whether a response with this status replaces the deferred response. False if the new status may be retried and the
   * deferred status may not.
   */
  accepts(statusCode: number, retries: RetrySettings | undefined): boolean {
    const isRetryable = (status: number): boolean => retries?.statuses.has(status) === true;
    const { response } = this;
    return response === undefined || !isRetryable(statusCode) || isRetryable(response.statusCode);
  }

  /** Defers `response` and discards the response that was deferred before. */
  keep(response: DeferredResponse): void {
    this.#response?.discard();
    this.#response = response;
  }

  /** Removes and returns the deferred response; undefined if there is none that can be delivered. */
  take(): DeferredResponse | undefined {
    const { response } = this;
    this.#response = undefined;
    return response;
  }

  /** Discards the deferred response. */
  discard(): void {
    this.#response?.discard();
    this.#response = undefined;
  }

  /** Returns the value of {@link CallFacts.deferred}. */
  kindFor(retries: RetrySettings | undefined): CallFacts['deferred'] {
    const { response } = this;
    if (response === undefined) return this.error === undefined ? 'none' : 'error';
    return retries?.statuses.has(response.statusCode) === true || response.attempt.candidate.isDoubted
      ? 'retryable'
      : 'final';
  }
}
