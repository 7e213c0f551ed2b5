/**
 * The body of a reply: a `Readable` with the methods that undici's bodies have. Pieces wait in a list until the program
 * says how it wants them: whoever asks for the whole gets it without a stream in between, which costs half as much as
 * reading one; whoever reads it as a stream gets one. Bounded: a body that nobody reads stops the connection.
 */
import { Readable } from 'node:stream';
import { undici } from './undici.js';

/** What a body is made with. */
export interface ReplyBodyOptions {
  /** Asks for more pieces after `arrive` has said that it has enough. */
  readonly more: () => void;
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
interface Gathering {
  readonly finish: (pieces: readonly Buffer[]) => void;
  readonly reject: (error: unknown) => void;
}

const defaultDumpBytes = 128 * 1024;
const nothing = (): void => undefined;

/** See the file's header. */
export class ReplyBody extends Readable {
  readonly #options: ReplyBodyOptions;
  /** What has arrived while nobody reads the stream; undefined from when somebody does. */
  #held: Buffer[] | undefined = [];
  /** Bytes that have arrived. */
  #arrived = 0;
  #complete = false;
  #used = false;
  #gathering: Gathering | undefined = undefined;
  #encoding: BufferEncoding = 'utf8';
  #web: ReadableStream | undefined = undefined;

  constructor(options: ReplyBodyOptions) {
    super({ highWaterMark: options.highWaterMark ?? 64 * 1024 });
    this.#options = options;
  }

  /** A piece has arrived. @returns whether another one is welcome; else `more` is called when it is */
  arrive(piece: Buffer): boolean {
    this.#arrived += piece.length;
    if (this.#held === undefined) return this.push(piece);
    this.#held.push(piece);
    return this.#gathering !== undefined || this.#arrived < this.readableHighWaterMark;
  }

  /** Everything has arrived. */
  complete(): void {
    this.#complete = true;
    if (this.#held === undefined) this.push(null);
    else if (this.#gathering) this.#deliver(this.#gathering);
  }

  /** The rest is lost. */
  fail(error: Error): void {
    // Whoever holds a reply and does not listen must not be ended by it.
    this.on('error', nothing);
    this.destroy(error);
  }

  /** The whole as text: UTF-8 unless `setEncoding` said otherwise. A byte order mark is left out. */
  text(): Promise<string> {
    return this.#whole((pieces) => this.#decode(pieces));
  }

  /** The whole, parsed. */
  json(): Promise<unknown> {
    return this.#whole((pieces) => JSON.parse(this.#decode(pieces)) as unknown);
  }

  /** The whole as bytes of its own. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#whole((pieces) => new Uint8Array(joined(pieces)));
  }

  /** The whole as a buffer of its own. */
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#whole((pieces) => new Uint8Array(joined(pieces)).buffer);
  }

  /** The whole as a blob of its content type. */
  blob(): Promise<Blob> {
    return this.#whole(
      (pieces) => new Blob([joined(pieces) as Buffer<ArrayBuffer>], { type: this.#options.contentType }),
    );
  }

  /** Not supported, as in undici. */
  formData(): Promise<never> {
    return Promise.reject(new (undici().errors.NotSupportedError)());
  }

  /** Whether somebody reads it, or has. */
  get bodyUsed(): boolean {
    return this.#used || Readable.isDisturbed(this);
  }

  /** The same as a stream of the web's kind; locked when it was read otherwise. */
  get body(): ReadableStream {
    if (this.#web !== undefined) return this.#web;
    const taken = this.bodyUsed;
    const source = taken ? Readable.from([]) : this;
    const web = new (undici().Response)(source as never).body as unknown as ReadableStream;
    if (taken) web.getReader();
    this.#web = web;
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
    const most = Number.isFinite(limit) && limit > 0 ? limit : defaultDumpBytes;
    if (this.#held !== undefined && this.#complete && this.#arrived <= most) {
      this.#end();
      return new Promise((resolve) => this.on('close', resolve));
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => void this.destroy(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort);
      this.on('error', nothing).on('close', () => {
        signal?.removeEventListener('abort', onAbort);
        if (signal?.aborted === true) reject(signal.reason as Error);
        else resolve();
      });
      const tooLong = (): boolean => this.#arrived > most || (this.#options.contentLength ?? 0) > most;
      if (tooLong()) {
        this.destroy();
        return;
      }
      this.on('data', () => {
        if (tooLong()) this.destroy();
      }).resume();
    });
  }

  override setEncoding(encoding: BufferEncoding): this {
    this.#encoding = encoding;
    return super.setEncoding(encoding);
  }

  override _read(): void {
    const held = this.#held;
    if (held !== undefined) {
      // Pieces go to whoever asked for the whole; the end reaches the stream after it.
      if (this.#gathering) return;
      this.#used = true;
      this.#held = undefined;
      for (const piece of held) this.push(piece);
      if (this.#complete) this.push(null);
    }
    if (!this.#complete) this.#options.more();
  }

  override _destroy(given: Error | null, callback: (error?: Error | null) => void): void {
    const error = given ?? (this.readableEnded ? null : new (undici().errors.RequestAbortedError)());
    if (error !== null) {
      this.#options.abort();
      if (this.#gathering) {
        this.on('error', nothing);
        this.#gathering.reject(error);
      }
    }
    callback(error);
  }

  #whole<T>(turn: (pieces: readonly Buffer[]) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.destroyed || this.#gathering || this.bodyUsed || this.#web?.locked === true) {
        reject(this.errored ?? new TypeError('unusable: the body was read already'));
        return;
      }
      this.#used = true;
      const gathering: Gathering = {
        reject,
        finish: (pieces) => {
          try {
            resolve(turn(pieces));
          } catch (error) {
            reject(error);
          }
        },
      };
      this.#gathering = gathering;
      if (this.#complete) this.#deliver(gathering);
      else this.#options.more();
    });
  }

  #deliver(gathering: Gathering): void {
    const pieces = this.#held ?? [];
    this.#end();
    gathering.finish(pieces);
  }

  /** All of it was taken: the stream ends as if it had been read. */
  #end(): void {
    this.#used = true;
    this.#held = undefined;
    this.#gathering = undefined;
    this.push(null);
    this.resume();
  }

  #decode(pieces: readonly Buffer[]): string {
    const whole = joined(pieces);
    const marked = whole.length > 2 && whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf;
    return whole.toString(this.#encoding, marked ? 3 : 0);
  }
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}
