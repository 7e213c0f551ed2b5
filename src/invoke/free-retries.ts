import type { Attempt } from './attempt.js';
import type { ErrorClass } from './classify-error.js';

/**
 * The retries of a call that use no retry of the retry budget, although the request was sent: one after a graceful
 * close of the connection, and one after a request that was not processed. Each is granted once per call, since an
 * endpoint that refuses every request would otherwise cause endless free retries.
 */
export class FreeRetries {
  #hasMoved = false;
  #wasNotProcessed = false;

  /**
   * Returns whether the next retry is free, because the endpoint closed the connection gracefully (HTTP/2 GOAWAY with
   * NO_ERROR). True once per call.
   */
  takeIfGoAway({ isGoAway }: ErrorClass): boolean {
    const isFree = isGoAway === true && !this.#hasMoved;
    this.#hasMoved ||= isFree;
    return isFree;
  }

  /**
   * Returns whether `error` proves that the sent request was not processed (HTTP/2 REFUSED_STREAM), so that the attempt
   * counts as not sent. True once per call.
   */
  takeIfUnprocessed({ stage, channel }: Attempt, error: Error): boolean {
    if (stage !== 'sent' || this.#wasNotProcessed || channel.wasNotProcessed?.(error) !== true) return false;
    this.#wasNotProcessed = true;
    return true;
  }
}
