import type { Clock } from '../../core/clock.js';
import type { NodeRequest } from './node-types.js';

/** A complete body. Either {@link restore} or {@link discard} must be called. */
export interface BufferedBody {
  readonly bytes: Uint8Array;
  /** Puts the body back into the request, for its next reader. */
  restore(): void;
  /** Drops the body; the request has no other reader. */
  discard(): void;
}

/**
 * - `aborted` the client closed the connection before the body was complete
 * - `too-large` the body exceeds the limit; the rest of it is discarded
 * - `already-read` another reader has started on it
 */
export type BodyFailure = 'aborted' | 'too-large' | 'already-read';

/** Bytes discarded of a body that is too large before its connection is cut. */
const maxIgnoredBytes = 1024 * 1024;

const noop = (): void => undefined;

/**
 * Reads the body of a Node request before its handler does, and puts it back as if it had just arrived. Every
 * way of reading it then works. Until the body is complete, the chunks that the connection pushes are held
 * here; the state of the request does not change meanwhile. Never rejects.
 */
export async function bufferBody(
  request: NodeRequest,
  maxBytes: number,
  clock: Clock,
): Promise<BufferedBody | BodyFailure> {
  if (!hasBody(request)) return { bytes: Buffer.alloc(0), restore: noop, discard: noop };
  if (request.readableEnded || request.readableDidRead || request.readableFlowing === true)
    return 'already-read';
  if (request.destroyed) return 'aborted';
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too-large';
  if (request.readableLength > 0 && request.readableEncoding !== null) return 'already-read';
  if (isFullyReceived(request)) return peekBody(request, maxBytes);
  return new Promise((resolve) => new BodyBuffering(request, maxBytes, clock, resolve).start());
}

/** Whether a body may arrive. A request without one is left untouched. */
function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream !== undefined) return !stream.endAfterHeaders;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether the end of the body has arrived at the request. */
function isFullyReceived({ stream, complete }: NodeRequest): boolean {
  return stream === undefined ? complete === true : stream.readableEnded;
}

/** Reads a body that has fully arrived and puts it back, before the request can emit its end. */
function peekBody(request: NodeRequest, maxBytes: number): BufferedBody | BodyFailure {
  if (request.readableLength > maxBytes) return 'too-large';
  const bytes =
    request.readableLength > 0 ? (request.read(request.readableLength) as Buffer) : Buffer.alloc(0);
  if (bytes.length > 0) request.unshift(bytes);
  return { bytes, restore: noop, discard: noop };
}

/** A body that is still arriving. */
class BodyBuffering {
  readonly #request: NodeRequest;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #resolve: (body: BufferedBody | BodyFailure) => void;
  readonly #originalPush: PropertyDescriptor | undefined;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #state: 'reading' | 'complete' | 'failed' = 'reading';

  constructor(
    request: NodeRequest,
    maxBytes: number,
    clock: Clock,
    resolve: (body: BufferedBody | BodyFailure) => void,
  ) {
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#originalPush = Object.getOwnPropertyDescriptor(request, 'push');
  }

  start(): void {
    const request = this.#request;
    if (request.readableLength > 0) this.#append(request.read(request.readableLength) as Buffer);
    const push = (chunk: Uint8Array | string | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null) this.#onEnd();
      else this.#append(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
      return true;
    };
    Object.defineProperty(request, 'push', { value: push, configurable: true, writable: true });
    request.once('close', this.#onClose);
    // Starts the transfer without consuming anything.
    request.read(0);
  }

  readonly #onClose = (): void => this.#settle('aborted');

  #append(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    if (this.#size <= this.#maxBytes) this.#chunks.push(chunk);
    else this.#settle('too-large');
    // The client gets the response if it reads before it has sent everything.
    if (this.#size > this.#maxBytes + maxIgnoredBytes) (this.#request.stream ?? this.#request).destroy();
  }

  #onEnd(): void {
    if (this.#state === 'failed') this.#discard();
    if (this.#state !== 'reading') return;
    // An HTTP/2 client that aborts may end its stream and reset it right after.
    if (this.#request.stream === undefined) this.#finish();
    else this.#clock.afterPendingIo(() => this.#finish());
  }

  #finish(): void {
    const { stream } = this.#request;
    if (stream !== undefined && (stream.aborted || stream.closed || stream.destroyed)) {
      this.#settle('aborted');
      return;
    }
    const bytes = Buffer.concat(this.#chunks);
    this.#settle({ bytes, restore: () => this.#restore(bytes), discard: () => this.#discard() });
  }

  #settle(body: BufferedBody | BodyFailure): void {
    if (this.#state !== 'reading') return;
    this.#state = typeof body === 'string' ? 'failed' : 'complete';
    this.#chunks = [];
    this.#request.off('close', this.#onClose);
    this.#resolve(body);
  }

  #discard(): void {
    this.#restore(Buffer.alloc(0));
    this.#request.resume();
  }

  #restore(bytes: Uint8Array): void {
    const request = this.#request;
    if (this.#originalPush === undefined) Reflect.deleteProperty(request, 'push');
    else Object.defineProperty(request, 'push', this.#originalPush);
    if (bytes.byteLength > 0) request.push(bytes);
    request.push(null);
  }
}
