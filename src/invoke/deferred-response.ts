import type { RequestHandler, TransportRequest } from '../core/transport.js';
import type { Attempt, AttemptHandler } from './attempt.js';

const maxBufferedBytes = 65_536;

/**
 * A response that is not delivered yet, because another attempt may get a better response. In place of the call,
 * receives the events of the attempt. Buffers up to 64 KiB of the body, then pauses the body.
 */
export class DeferredResponse implements AttemptHandler {
  isComplete = false;
  isBroken = false;
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

  discard(): void {
    this.onEnded();
    this.attempt.abandon(new Error('The deferred response was discarded'));
  }

  /**
   * Delivers the buffered part of the response. The caller must first set `attempt.handler`, which receives the
   * remaining events.
   * @param cancelReason - returns the reason of an abort by the caller; undefined without an abort
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
    // Nothing to do: the request was already sent when the response arrived.
  }

  onBodySent(): void {
    // Not reported: the caller sees the upload of another attempt.
  }

  onRequestSent(): void {
    // Not reported: the caller sees the upload of another attempt.
  }

  onUpgrade(): void {
    // Never called: a response with an error status upgrades no connection.
  }
}
