/**
 * Reads the body of a Node request before its handler does, and puts it back as if it were just arriving: whatever a
 * handler uses to read it then works as ever. For that, what a connection pushes into the request is held here until it
 * is whole; of the request's own state nothing changes meanwhile.
 */
import type { Clock } from '../../core/clock.js';
import type { NodeRequest } from './node-types.js';

/** A whole body. One of the two methods must be called. */
export interface BufferedBody {
  readonly bytes: Uint8Array;
  /** Hands it over to whoever reads the request from now on. */
  restore(): void;
  /** Nobody will read it. */
  discard(): void;
}

/**
 * - `gone` the client went before it was whole
 * - `too-large` it is over the bound; what still comes of it is thrown away
 * - `taken` somebody else has begun to read it
 */
export type BodyFailure = 'gone' | 'too-large' | 'taken';

/** What is thrown away of a body that is too large, in bytes, before its connection is cut. */
const maxIgnoredBytes = 1024 * 1024;

const noop = (): void => undefined;

/** See the file's header. Never rejects. */
export async function bufferBody(
  request: NodeRequest,
  maxBytes: number,
  clock: Clock,
): Promise<BufferedBody | BodyFailure> {
  if (!hasBody(request)) return { bytes: Buffer.alloc(0), restore: noop, discard: noop };
  if (request.readableEnded || request.readableDidRead || request.readableFlowing === true) return 'taken';
  if (request.destroyed) return 'gone';
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too-large';
  if (request.readableLength > 0 && request.readableEncoding !== null) return 'taken';
  if (isFullyReceived(request)) return peekBody(request, maxBytes);
  return new Promise((resolve) => new BodyBuffering(request, maxBytes, clock, resolve).start());
}

/** Whether a body may come. Of a request without one nothing is touched. */
function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream !== undefined) return !stream.endAfterHeaders;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether its end has arrived at the request already. */
function isFullyReceived({ stream, complete }: NodeRequest): boolean {
  return stream === undefined ? complete === true : stream.readableEnded;
}

/** A body that waits to be read: it is looked at and put back, before the request can find that it was at its end. */
function peekBody(request: NodeRequest, maxBytes: number): BufferedBody | BodyFailure {
  if (request.readableLength > maxBytes) return 'too-large';
  const bytes =
    request.readableLength > 0 ? (request.read(request.readableLength) as Buffer) : Buffer.alloc(0);
  if (bytes.length > 0) request.unshift(bytes);
  return { bytes, restore: noop, discard: noop };
}

/** A body that is on its way. */
class BodyBuffering {
  readonly #request: NodeRequest;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #resolve: (body: BufferedBody | BodyFailure) => void;
  readonly #originalPush: PropertyDescriptor | undefined;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #state: 'reading' | 'whole' | 'refused' = 'reading';

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
    // Asks the connection for it, and takes nothing.
    request.read(0);
  }

  readonly #onClose = (): void => this.#settle('gone');

  #append(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    if (this.#size <= this.#maxBytes) this.#chunks.push(chunk);
    else this.#settle('too-large');
    // Its sender gets the refusal, if it listens before it has sent everything.
    if (this.#size > this.#maxBytes + maxIgnoredBytes) (this.#request.stream ?? this.#request).destroy();
  }

  #onEnd(): void {
    if (this.#state === 'refused') this.#discard();
    if (this.#state !== 'reading') return;
    // A client of HTTP/2 that gives up may end its stream and reset it right behind that.
    if (this.#request.stream === undefined) this.#finish();
    else this.#clock.afterPendingIo(() => this.#finish());
  }

  #finish(): void {
    const { stream } = this.#request;
    if (stream !== undefined && (stream.aborted || stream.closed || stream.destroyed)) {
      this.#settle('gone');
      return;
    }
    const bytes = Buffer.concat(this.#chunks);
    this.#settle({ bytes, restore: () => this.#restore(bytes), discard: () => this.#discard() });
  }

  #settle(body: BufferedBody | BodyFailure): void {
    if (this.#state !== 'reading') return;
    this.#state = typeof body === 'string' ? 'refused' : 'whole';
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
