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

  /** A retryable status does not replace a final status. */
  accepts(statusCode: number, retries: RetrySettings | undefined): boolean {
    const isRetryable = (status: number): boolean => retries?.statuses.has(status) === true;
    const { response } = this;
    return response === undefined || !isRetryable(statusCode) || isRetryable(response.statusCode);
  }

  /** Keeps one earlier response too, if possible a complete one, because the body of `response` may break off. */
  keep(response: DeferredResponse): void {
    const before = [this.#response, this.#earlier];
    const earlier =
      before.find((one) => one?.isBroken === false && one.isComplete) ??
      before.find((one) => one?.isBroken === false);
    for (const one of before) if (one !== earlier) one?.discard();
    this.#earlier = earlier;
    this.#response = response;
  }

  take(): DeferredResponse | undefined {
    const { response } = this;
    for (const one of [this.#response, this.#earlier]) if (one !== response) one?.discard();
    this.#response = this.#earlier = undefined;
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
