import type { ErrorClass } from './classify-error.js';

const maxGoAwayMoves = 4;

/**
 * Counts the free retries of a call. A free retry uses no retry of the retry budget and does not count against
 * `retries.max`, although the request was sent. The number is limited, because an endpoint may refuse every request.
 * - After the endpoint has closed the connection gracefully (HTTP/2 GOAWAY with NO_ERROR): up to four free retries.
 * - After the endpoint stated that it did not process the request (HTTP/2 REFUSED_STREAM): one free retry, as in gRPC.
 * - After a reused connection was lost: one free retry on a new connection, because the server may have closed the
 * idle connection.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
 * @see https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries
 */
export class FreeRetries {
  #moves = 0;
  #wasNotProcessed = false;
  /** Whether a request was sent on a connection that was already open, and that connection was lost. */
  hasLostReused = false;

  /**
   * Returns whether the retry after a failed attempt is free.
   * @param isUnprocessed - whether the error proves that the request was sent and not processed
   * @param isLostReused - whether the request was sent on a connection that was already open, and that connection was
   * lost
   */
  take({ isGoAway }: ErrorClass, isUnprocessed: boolean, isLostReused: boolean): boolean {
    if (isGoAway === true) return ++this.#moves <= maxGoAwayMoves;
    if (isLostReused) {
      const isFirst = !this.hasLostReused;
      this.hasLostReused = true;
      return isFirst;
    }
    if (!isUnprocessed || this.#wasNotProcessed) return false;
    this.#wasNotProcessed = true;
    return true;
  }
}
