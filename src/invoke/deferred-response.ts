import type { RequestHandler, TransportRequest } from '../core/transport.js';
import type { Attempt, AttemptHandler } from './attempt.js';

/** Number of body bytes after which the body of a deferred response is paused. */
const maxBufferedBytes = 65_536;

/**
 * A response that is not delivered at once, because another attempt may get a better one. Receives the events of its
 * attempt in place of the call. Buffers the body up to 64 KiB and then pauses it, so that the response can still be
 * delivered in full.
 */
export class DeferredResponse implements AttemptHandler {
  /** Whether the whole body is buffered. */
  isComplete = false;
  /** Whether the response has failed, so that it can no longer be delivered. */
  isBroken = false;
  /** Whether the body may be paused and must be resumed when the response is delivered. */
  protected readonly mustResume: boolean = true;
  readonly #headers: Buffer[];
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #trailers: string[] | null = null;

  /** @param onEnded - called, possibly more than once, when the response is complete, has failed or is discarded */
  constructor(
    readonly attempt: Attempt,
    readonly statusCode: number,
    headers: Buffer[],
    readonly resume: () => void,
    readonly statusText: string,
    readonly onEnded: () => void,
  ) {
    this.#headers = headers.map((header) => Buffer.from(header));
    attempt.handler = this;
  }

  onData(_attempt: Attempt, chunk: Buffer): boolean {
    this.#chunks.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    return this.#bytes <= maxBufferedBytes;
  }

  onComplete(_attempt: Attempt, trailers: string[] | null): void {
    this.#trailers = trailers;
    this.isComplete = true;
    this.onEnded();
  }

  onError(): void {
    this.isBroken = true;
    this.onEnded();
  }

  /** Abandons the attempt, because another response replaces this one or the call has ended. */
  discard(): void {
    this.onEnded();
    this.attempt.abandon(new Error('The deferred response was discarded'));
  }

  /**
   * Delivers the part of the response that has arrived. The caller must first set `handler` of the attempt, so that the
   * call receives the rest. If a callback throws while the response is incomplete, the error is thrown. If a callback
   * throws after the response is complete, the error goes to `onError`, as in undici.
   *
   * @param cancelReason - returns the reason with which the caller aborted the delivery, or undefined if the caller has
   * not aborted the delivery
   */
  deliver(handler: RequestHandler, cancelReason: () => Error | undefined): void {
    try {
      let wantsMore = handler.onHeaders(this.statusCode, this.#headers, this.resume, this.statusText);
      for (const chunk of this.#chunks) if (cancelReason() === undefined) wantsMore = handler.onData(chunk);
      if (!this.isComplete) {
        // A handler that has paused the body calls `resume` itself.
        if (this.mustResume && wantsMore && cancelReason() === undefined) this.resume();
        return;
      }
      const reason = cancelReason();
      if (reason === undefined) handler.onComplete(this.#trailers);
      else handler.onError(reason);
    } catch (error) {
      if (!this.isComplete) throw error;
      handler.onError(error as Error);
    }
  }

  onHeaders(): boolean {
    return true;
  }

  onInformation(): boolean {
    return true;
  }

  onDequeue(_attempt: Attempt, request: TransportRequest): TransportRequest {
    return request;
  }

  onConnect(): void {
    // Nothing to do: the request was sent before its response was deferred.
  }

  onBodySent(): void {
    // Not reported: the caller sees the upload progress of another attempt.
  }

  onRequestSent(): void {
    // Not reported: the caller sees the upload progress of another attempt.
  }

  onUpgrade(): void {
    // Never called, since a response with an error status does not upgrade the connection.
  }
}
