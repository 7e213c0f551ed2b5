import type { CallFacts } from './retry-decision.js';
import type { DeferredResponse } from './deferred-response.js';
import type { RetrySettings } from './retry-settings.js';

export class DeferredOutcome {
  #response: DeferredResponse | undefined = undefined;
  #earlier: DeferredResponse | undefined = undefined;
  error: Error | undefined = undefined;

  get response(): DeferredResponse | undefined {
    return [this.#response, this.#earlier].find((one) => one?.isBroken === false);
  }

  /** Whether a response may be deferred. A retryable response does not replace one whose status is not retryable. */
  accepts(statusCode: number, retries: RetrySettings | undefined): boolean {
    const isRetryable = (status: number): boolean => retries?.statuses.has(status) === true;
    const { response } = this;
    return response === undefined || !isRetryable(statusCode) || isRetryable(response.statusCode);
  }

  /**
   * Defers `response`, and retains one earlier response in case the body of `response` is truncated. A complete earlier
   * response is preferred. If no earlier response is complete, the response of the earliest attempt is retained,
   * because a call without retries would have received that response.
   */
  keep(response: DeferredResponse): void {
    const before = [this.#response, this.#earlier].filter((one) => one !== undefined);
    const usable = before
      .filter(({ isBroken }) => !isBroken)
      .sort((a, b) => a.attempt.number - b.attempt.number);
    const earlier = usable.find(({ isComplete }) => isComplete) ?? usable[0];
    for (const one of before) if (one !== earlier) one.discard();
    this.#earlier = earlier;
    this.#response = response;
  }

  /**
   * Removes and returns the newest usable response. The earlier response stays available, in case the body of the
   * returned response is truncated.
   */
  take(): DeferredResponse | undefined {
    const { response } = this;
    if (response === this.#response) this.#response = undefined;
    else this.#earlier = undefined;
    return response;
  }

  discard(): void {
    for (const one of [this.#response, this.#earlier]) one?.discard();
    this.#response = this.#earlier = undefined;
  }

  kindFor(retries: RetrySettings | undefined): CallFacts['deferred'] {
    const { response } = this;
    if (response === undefined) return this.error === undefined ? 'none' : 'error';
    const { candidate, isTicketRenewed } = response.attempt;
    return retries?.statuses.has(response.statusCode) === true || candidate.isDoubted || isTicketRenewed
      ? 'retryable'
      : 'final';
  }
}
