/**
 * The body of a reply: a `Readable` with the methods that undici's bodies have. Pieces wait in a list until the program
 * says how it wants them: whoever asks for the whole gets it without a stream in between, which costs half as much as
 * reading one; whoever reads it as a stream gets one. Bounded: a body that nobody reads stops the connection.
 */
import { Readable } from 'node:stream';
import { undici } from './load-undici.js';

/** What a body is made with. */
export interface ResponseBodyOptions {
  /** Asks for more pieces after `arrive` has said that it has enough. */
  readonly resume: () => void;
  /** Nobody wants the rest. */
  readonly abort: () => void;
  /** For `blob()`. */
  readonly contentType: string;
  /** As announced, in bytes; undefined when it was not. */
  readonly contentLength: number | undefined;
  /** Bytes that wait for a reader before the connection is stopped. Default 64 KiB. */
  readonly highWaterMark: number | undefined;
}

/** Somebody waits for the whole. */
interface PendingRead {
  readonly resolve: (pieces: readonly Buffer[]) => void;
  readonly reject: (error: unknown) => void;
}

const defaultDumpBytes = 128 * 1024;
const noop = (): void => undefined;

/** See the file's header. */
export class ResponseBody extends Readable {
  readonly #options: ResponseBodyOptions;
  /** What has arrived while nobody reads the stream; undefined from when somebody does. */
  #buffered: Buffer[] | undefined = [];
  /** Bytes that have arrived. */
  #receivedBytes = 0;
  #isComplete = false;
  #isUsed = false;
  #pendingRead: PendingRead | undefined = undefined;
  #encoding: BufferEncoding = 'utf8';
  #webStream: ReadableStream | undefined = undefined;

  constructor(options: ResponseBodyOptions) {
    super({ highWaterMark: options.highWaterMark ?? 64 * 1024 });
    this.#options = options;
  }

  /** A piece has arrived. @returns whether another one is welcome; else `more` is called when it is */
  append(piece: Buffer): boolean {
    this.#receivedBytes += piece.length;
    if (this.#buffered === undefined) return this.push(piece);
    this.#buffered.push(piece);
    return this.#pendingRead !== undefined || this.#receivedBytes < this.readableHighWaterMark;
  }

  /** Everything has arrived. */
  complete(): void {
    this.#isComplete = true;
    if (this.#buffered === undefined) this.push(null);
    else if (this.#pendingRead) this.#settleRead(this.#pendingRead);
  }

  /** The rest is lost. */
  fail(error: Error): void {
    // Whoever holds a reply and does not listen must not be ended by it.
    this.on('error', noop);
    this.destroy(error);
  }

  /** The whole as text: UTF-8 unless `setEncoding` said otherwise. A byte order mark is left out. */
  text(): Promise<string> {
    return this.#readAll((pieces) => this.#decode(pieces));
  }

  /** The whole, parsed. */
  json(): Promise<unknown> {
    return this.#readAll((pieces) => JSON.parse(this.#decode(pieces)) as unknown);
  }

  /** The whole as bytes of its own. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#readAll((pieces) => new Uint8Array(concat(pieces)));
  }

  /** The whole as a buffer of its own. */
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#readAll((pieces) => new Uint8Array(concat(pieces)).buffer);
  }

  /** The whole as a blob of its content type. */
  blob(): Promise<Blob> {
    return this.#readAll(
      (pieces) => new Blob([concat(pieces) as Buffer<ArrayBuffer>], { type: this.#options.contentType }),
    );
  }

  /** Not supported, as in undici. */
  formData(): Promise<never> {
    return Promise.reject(new (undici().errors.NotSupportedError)());
  }

  /** Whether somebody reads it, or has. */
  get bodyUsed(): boolean {
    return this.#isUsed || Readable.isDisturbed(this);
  }

  /** The same as a stream of the web's kind; locked when it was read otherwise. */
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
   * Reads what is left and throws it away, so that the connection can be used again; beyond `limit` bytes the
   * connection is cut instead.
   *
   * @param options - `limit`: bytes, default 128 KiB; `signal`: gives up when it aborts
   */
  dump({ limit = defaultDumpBytes, signal }: { limit?: number; signal?: AbortSignal } = {}): Promise<void> {
    if (signal !== undefined && (typeof signal !== 'object' || !('aborted' in signal)))
      return Promise.reject(
        new (undici().errors.InvalidArgumentError)('The signal of dump() is no AbortSignal'),
      );
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.closed) return Promise.resolve();
    const maxBytes = Number.isFinite(limit) && limit > 0 ? limit : defaultDumpBytes;
    if (this.#buffered !== undefined && this.#isComplete && this.#receivedBytes <= maxBytes) {
      this.#markConsumed();
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
    if (buffered !== undefined) {
      // Pieces go to whoever asked for the whole; the end reaches the stream after it.
      if (this.#pendingRead) return;
      this.#isUsed = true;
      this.#buffered = undefined;
      for (const piece of buffered) this.push(piece);
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

  #readAll<T>(convert: (pieces: readonly Buffer[]) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.destroyed || this.#pendingRead || this.bodyUsed || this.#webStream?.locked === true) {
        reject(this.errored ?? new TypeError('unusable: the body was read already'));
        return;
      }
      this.#isUsed = true;
      const pending: PendingRead = {
        reject,
        resolve: (pieces) => {
          try {
            resolve(convert(pieces));
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

  #settleRead(pending: PendingRead): void {
    const pieces = this.#buffered ?? [];
    this.#markConsumed();
    pending.resolve(pieces);
  }

  /** All of it was taken: the stream ends as if it had been read. */
  #markConsumed(): void {
    this.#isUsed = true;
    this.#buffered = undefined;
    this.#pendingRead = undefined;
    this.push(null);
    this.resume();
  }

  #decode(pieces: readonly Buffer[]): string {
    const bytes = concat(pieces);
    const hasByteOrderMark = bytes.length > 2 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return bytes.toString(this.#encoding, hasByteOrderMark ? 3 : 0);
  }
}

function concat(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}
