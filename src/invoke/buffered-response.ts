/**
 * An answer that said "not now" and was passed over for another endpoint. It is kept, so that the program gets it after
 * all if nobody does better.
 */
import type { RequestHandler } from '../core/transport.js';

const maxBytes = 65_536;

/** Head and body of an answer that was passed over; bodies above 64 KiB are not kept. */
export class BufferedResponse {
  readonly #chunks: Buffer[] = [];
  readonly #completed: Promise<boolean>;
  #resolveCompleted: (whole: boolean) => void = () => undefined;
  /** The body is complete and kept. */
  isComplete = false;
  #bytes = 0;
  #trailers: string[] | null = null;

  constructor(
    readonly statusCode: number,
    readonly headers: Buffer[],
    readonly statusText: string,
  ) {
    this.#completed = new Promise((resolve) => {
      this.#resolveCompleted = resolve;
    });
  }

  /** Takes a piece of the body. @returns false when it has become too large to keep */
  append(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > maxBytes) {
      this.#resolveCompleted(false);
      return false;
    }
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  /** The body is complete. */
  complete(trailers: string[] | null): void {
    this.#trailers = trailers;
    this.isComplete = this.#bytes <= maxBytes;
    this.#resolveCompleted(this.isComplete);
  }

  /** The body will never be complete. */
  discard(): void {
    this.#resolveCompleted(false);
  }

  /** Resolves when it is known whether the answer could be kept whole. */
  get completed(): Promise<boolean> {
    return this.#completed;
  }

  /**
   * Hands the whole answer over. What the handler throws is told to it, as undici does.
   *
   * @param cancelReason - why the handler wants no more of it; undefined while it does
   */
  deliver(handler: RequestHandler, cancelReason: () => Error | undefined): void {
    try {
      handler.onHeaders(this.statusCode, this.headers, () => undefined, this.statusText);
      for (const chunk of this.#chunks) if (cancelReason() === undefined) handler.onData(chunk);
      const reason = cancelReason();
      if (reason === undefined) handler.onComplete(this.#trailers);
      else handler.onError(reason);
    } catch (error) {
      handler.onError(error as Error);
    }
  }
}
