import { Readable } from 'node:stream';
import type { ClerkError } from '../core/errors.js';
import { responseTooLargeError } from '../core/response-limit.js';
import { undici } from './load-undici.js';

export interface ResponseBodyOptions {
  /** Called when the body can take more chunks, after `append` has returned false. */
  readonly resume: () => void;
  readonly abort: () => void;
  readonly contentType: string;
  readonly contentLength: number | undefined;
  /** Unread bytes at which the connection is paused. Default 65,536. */
  readonly highWaterMark: number | undefined;
  /** Maximum size of a body that is read whole, in bytes. */
  readonly maxBytes: number;
  /** The response, for error messages, such as `GET /orders of /shop/orders`. */
  readonly subject: () => string;
}

interface PendingRead {
  readonly resolve: (chunks: readonly Buffer[]) => void;
  readonly reject: (error: unknown) => void;
}

const defaultDumpBytes = 128 * 1024;
const noop = (): void => undefined;

/**
 * The body of a response: a `Readable` with the methods of undici's response bodies, such as `json()`. Replaces
 * undici's `BodyReadable`, because these methods take chunks from a buffer and not from the stream, which halves the
 * cost of a read.
 */
export class ResponseBody extends Readable {
  readonly #options: ResponseBodyOptions;
  /** Received chunks. Undefined once the program reads the stream, or after a read of the whole body. */
  #buffered: Buffer[] | undefined = [];
  #receivedBytes = 0;
  #isComplete = false;
  #isUsed = false;
  #pendingRead: PendingRead | undefined = undefined;
  /** Whether the program also reads the stream during `#pendingRead`. If so, both reads get all chunks. */
  #isShared = false;
  /** Chunks of a completed read, kept for one tick for a program that also reads the stream. */
  #consumed: readonly Buffer[] | undefined = undefined;
  #encoding: BufferEncoding = 'utf8';
  #webStream: ReadableStream | undefined = undefined;

  constructor(options: ResponseBodyOptions) {
    super({ highWaterMark: options.highWaterMark ?? 64 * 1024 });
    this.#options = options;
  }

  /** Whether no byte has been received. */
  get isEmpty(): boolean {
    return this.#receivedBytes === 0;
  }

  /** Returns false when the buffer is full. The body then calls `resume` when it can take another chunk. */
  append(chunk: Buffer): boolean {
    this.#receivedBytes += chunk.length;
    if (this.#pendingRead !== undefined && this.#receivedBytes > this.#options.maxBytes) {
      this.fail(this.#tooLargeError());
      return true;
    }
    if (this.#buffered === undefined) return this.push(chunk);
    this.#buffered.push(chunk);
    if (this.#isShared) return this.push(chunk);
    return this.#pendingRead !== undefined || this.#receivedBytes < this.readableHighWaterMark;
  }

  complete(): void {
    this.#isComplete = true;
    if (this.#buffered === undefined) this.push(null);
    else if (this.#pendingRead) this.#settleRead(this.#pendingRead);
  }

  fail(error: Error): void {
    // An error without a listener would terminate the program.
    this.on('error', noop);
    this.destroy(error);
  }

  /** Decodes UTF-8 or the encoding set by `setEncoding`. Removes a byte order mark. */
  text(): Promise<string> {
    return this.#readAll((chunks) => this.#decode(chunks));
  }

  json(): Promise<unknown> {
    return this.#readAll((chunks) => JSON.parse(this.#decode(chunks)) as unknown);
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#readAll((chunks) => new Uint8Array(concat(chunks)));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#readAll((chunks) => new Uint8Array(concat(chunks)).buffer);
  }

  blob(): Promise<Blob> {
    return this.#readAll(
      (chunks) => new Blob([concat(chunks) as Buffer<ArrayBuffer>], { type: this.#options.contentType }),
    );
  }

  formData(): Promise<never> {
    return Promise.reject(new (undici().errors.NotSupportedError)());
  }

  get bodyUsed(): boolean {
    return this.#isUsed || Readable.isDisturbed(this);
  }

  /** The body as a web stream. Empty and locked if the body was already read, for example with `text()`. */
  get body(): ReadableStream {
    if (this.#webStream !== undefined) return this.#webStream;
    const wasUsed = this.bodyUsed;
    const source = wasUsed ? Readable.from([]) : this;
    const web = new (undici().Response)(source as never).body as unknown as ReadableStream;
    if (wasUsed) web.getReader();
    this.#webStream = web;
    return web;
  }

  /**
   * Discards the rest of the body, so that the connection can be reused. If the body exceeds `limit`, aborts the
   * response instead.
   * @param options - `limit`: maximum size of the body, in bytes, default 131,072; `signal`: aborts the read
   */
  dump({ limit = defaultDumpBytes, signal }: { limit?: number; signal?: AbortSignal } = {}): Promise<void> {
    if (signal !== undefined && (typeof signal !== 'object' || !('aborted' in signal)))
      return Promise.reject(
        new (undici().errors.InvalidArgumentError)('The option signal of dump() must be an AbortSignal'),
      );
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.closed) return Promise.resolve();
    const maxBytes = Number.isFinite(limit) && limit > 0 ? limit : defaultDumpBytes;
    if (this.#buffered !== undefined && this.#isComplete && this.#receivedBytes <= maxBytes) {
      this.#markConsumed([]);
      return new Promise((resolve) => this.on('close', resolve));
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => void this.destroy(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort);
      this.on('error', noop).on('close', () => {
        signal?.removeEventListener('abort', onAbort);
        if (signal?.aborted === true) reject(signal.reason as Error);
        else resolve();
      });
      const exceedsLimit = (): boolean =>
        this.#receivedBytes > maxBytes || (this.#options.contentLength ?? 0) > maxBytes;
      if (exceedsLimit()) {
        this.destroy();
        return;
      }
      this.on('data', () => {
        if (exceedsLimit()) this.destroy();
      }).resume();
    });
  }

  override setEncoding(encoding: BufferEncoding): this {
    this.#encoding = encoding;
    return super.setEncoding(encoding);
  }

  override _read(): void {
    const buffered = this.#buffered;
    if (this.#consumed) {
      if (this.listenerCount('data') + this.listenerCount('readable') > 0)
        for (const chunk of this.#consumed) this.push(chunk);
      this.#consumed = undefined;
      this.push(null);
      return;
    }
    if (buffered !== undefined && !this.#isShared) {
      this.#isUsed = true;
      if (this.#pendingRead) this.#isShared = true;
      else this.#buffered = undefined;
      for (const chunk of buffered) this.push(chunk);
      if (this.#isComplete) this.push(null);
    }
    if (!this.#isComplete) this.#options.resume();
  }

  override _destroy(cause: Error | null, callback: (error?: Error | null) => void): void {
    const error = cause ?? (this.readableEnded ? null : new (undici().errors.RequestAbortedError)());
    if (error !== null) {
      this.#options.abort();
      if (this.#pendingRead) {
        this.on('error', noop);
        this.#pendingRead.reject(error);
      }
    }
    callback(error);
  }

  #readAll<T>(convert: (chunks: readonly Buffer[]) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.destroyed || this.#pendingRead || this.bodyUsed || this.#webStream?.locked === true) {
        reject(
          this.errored ??
            new TypeError(
              'The response body cannot be read, because it was already read, locked or destroyed',
            ),
        );
        return;
      }
      if (Math.max(this.#receivedBytes, this.#options.contentLength ?? 0) > this.#options.maxBytes) {
        const error = this.#tooLargeError();
        this.fail(error);
        reject(error);
        return;
      }
      this.#isUsed = true;
      const pending: PendingRead = {
        reject,
        resolve: (chunks) => {
          try {
            resolve(convert(chunks));
          } catch (error) {
            reject(error);
          }
        },
      };
      this.#pendingRead = pending;
      if (this.#isComplete) this.#settleRead(pending);
      else this.#options.resume();
    });
  }

  #tooLargeError(): ClerkError {
    return responseTooLargeError(this.#options.subject(), this.#options.maxBytes);
  }

  #settleRead(pending: PendingRead): void {
    const chunks = this.#buffered ?? [];
    this.#markConsumed(chunks);
    pending.resolve(chunks);
  }

  #markConsumed(chunks: readonly Buffer[]): void {
    this.#isUsed = true;
    this.#buffered = undefined;
    this.#pendingRead = undefined;
    if (this.#isShared) this.push(null);
    else {
      this.#consumed = chunks;
      this.resume();
    }
  }

  #decode(chunks: readonly Buffer[]): string {
    const bytes = concat(chunks);
    const hasByteOrderMark = bytes.length > 2 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return bytes.toString(this.#encoding, hasByteOrderMark ? 3 : 0);
  }
}

function concat(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}
