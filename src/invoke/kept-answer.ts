/**
 * An answer that said "not now" and was passed over for another endpoint. It is kept, so that the program gets it after
 * all if nobody does better.
 */
import type { WireHandler } from '../core/transport.js';

const mostBytes = 65_536;

/** Head and body of an answer that was passed over; bodies above 64 KiB are not kept. */
export class KeptAnswer {
  readonly #chunks: Buffer[] = [];
  readonly #ready: Promise<boolean>;
  #settle: (whole: boolean) => void = () => undefined;
  /** The body is complete and kept. */
  whole = false;
  #bytes = 0;
  #trailers: string[] | null = null;

  constructor(
    readonly statusCode: number,
    readonly headers: Buffer[],
    readonly statusText: string,
  ) {
    this.#ready = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Takes a piece of the body. @returns false when it has become too large to keep */
  add(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > mostBytes) {
      this.#settle(false);
      return false;
    }
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  /** The body is complete. */
  end(trailers: string[] | null): void {
    this.#trailers = trailers;
    this.whole = this.#bytes <= mostBytes;
    this.#settle(this.whole);
  }

  /** The body will never be complete. */
  drop(): void {
    this.#settle(false);
  }

  /** Resolves when it is known whether the answer could be kept whole. */
  get ready(): Promise<boolean> {
    return this.#ready;
  }

  /**
   * Hands the whole answer over. What the handler throws is told to it, as undici does.
   *
   * @param cancelled - why the handler wants no more of it; undefined while it does
   */
  deliver(handler: WireHandler, cancelled: () => Error | undefined): void {
    try {
      handler.onHeaders(this.statusCode, this.headers, () => undefined, this.statusText);
      for (const chunk of this.#chunks) if (cancelled() === undefined) handler.onData(chunk);
      const reason = cancelled();
      if (reason === undefined) handler.onComplete(this.#trailers);
      else handler.onError(reason);
    } catch (error) {
      handler.onError(error as Error);
    }
  }
}
