/**
 * Reads the body of a Node request before its handler does, and puts it back as if it were just arriving: whatever a
 * handler uses to read it then works as ever. For that, what a connection pushes into the request is held here until it
 * is whole; of the request's own state nothing changes meanwhile.
 */
import type { Clock } from '../../core/clock.js';
import type { NodeRequest } from './node-types.js';

/** A whole body. One of the two methods must be called. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  /** Hands it over to whoever reads the request from now on. */
  release(): void;
  /** Nobody will read it. */
  drop(): void;
}

/**
 * - `gone` the client went before it was whole
 * - `too-large` it is over the bound; what still comes of it is thrown away
 * - `taken` somebody else has begun to read it
 */
export type NoBody = 'gone' | 'too-large' | 'taken';

/** What is thrown away of a body that is too large, in bytes, before its connection is cut. */
const mostIgnoredBytes = 1024 * 1024;

const nothing = (): void => undefined;

/** See the file's header. Never rejects. */
export async function heldBody(
  request: NodeRequest,
  mostBytes: number,
  clock: Clock,
): Promise<HeldBody | NoBody> {
  if (!hasBody(request)) return { bytes: Buffer.alloc(0), release: nothing, drop: nothing };
  if (request.readableEnded || request.readableDidRead || request.readableFlowing === true) return 'taken';
  if (request.destroyed) return 'gone';
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) return 'too-large';
  if (request.readableLength > 0 && request.readableEncoding !== null) return 'taken';
  if (isWhole(request)) return arrived(request, mostBytes);
  return new Promise((resolve) => new Holding(request, mostBytes, clock, resolve).begin());
}

/** Whether a body may come. Of a request without one nothing is touched. */
function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream !== undefined) return !stream.endAfterHeaders;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether its end has arrived at the request already. */
function isWhole({ stream, complete }: NodeRequest): boolean {
  return stream === undefined ? complete === true : stream.readableEnded;
}

/** A body that waits to be read: it is looked at and put back, before the request can find that it was at its end. */
function arrived(request: NodeRequest, mostBytes: number): HeldBody | NoBody {
  if (request.readableLength > mostBytes) return 'too-large';
  const bytes =
    request.readableLength > 0 ? (request.read(request.readableLength) as Buffer) : Buffer.alloc(0);
  if (bytes.length > 0) request.unshift(bytes);
  return { bytes, release: nothing, drop: nothing };
}

/** A body that is on its way. */
class Holding {
  readonly #request: NodeRequest;
  readonly #mostBytes: number;
  readonly #clock: Clock;
  readonly #resolve: (body: HeldBody | NoBody) => void;
  readonly #before: PropertyDescriptor | undefined;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #state: 'reading' | 'whole' | 'refused' = 'reading';

  constructor(
    request: NodeRequest,
    mostBytes: number,
    clock: Clock,
    resolve: (body: HeldBody | NoBody) => void,
  ) {
    this.#request = request;
    this.#mostBytes = mostBytes;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#before = Object.getOwnPropertyDescriptor(request, 'push');
  }

  begin(): void {
    const request = this.#request;
    if (request.readableLength > 0) this.#take(request.read(request.readableLength) as Buffer);
    const push = (chunk: Uint8Array | string | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null) this.#ended();
      else this.#take(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
      return true;
    };
    Object.defineProperty(request, 'push', { value: push, configurable: true, writable: true });
    request.once('close', this.#onClose);
    // Asks the connection for it, and takes nothing.
    request.read(0);
  }

  readonly #onClose = (): void => this.#settle('gone');

  #take(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    if (this.#size <= this.#mostBytes) this.#chunks.push(chunk);
    else this.#settle('too-large');
    // Its sender gets the refusal, if it listens before it has sent everything.
    if (this.#size > this.#mostBytes + mostIgnoredBytes) (this.#request.stream ?? this.#request).destroy();
  }

  #ended(): void {
    if (this.#state === 'refused') this.#drop();
    if (this.#state !== 'reading') return;
    // A client of HTTP/2 that gives up may end its stream and reset it right behind that.
    if (this.#request.stream === undefined) this.#whole();
    else this.#clock.afterArrivals(() => this.#whole());
  }

  #whole(): void {
    const { stream } = this.#request;
    if (stream !== undefined && (stream.aborted || stream.closed || stream.destroyed)) {
      this.#settle('gone');
      return;
    }
    const bytes = Buffer.concat(this.#chunks);
    this.#settle({ bytes, release: () => this.#putBack(bytes), drop: () => this.#drop() });
  }

  #settle(body: HeldBody | NoBody): void {
    if (this.#state !== 'reading') return;
    this.#state = typeof body === 'string' ? 'refused' : 'whole';
    this.#chunks = [];
    this.#request.off('close', this.#onClose);
    this.#resolve(body);
  }

  #drop(): void {
    this.#putBack(Buffer.alloc(0));
    this.#request.resume();
  }

  #putBack(bytes: Uint8Array): void {
    const request = this.#request;
    if (this.#before === undefined) Reflect.deleteProperty(request, 'push');
    else Object.defineProperty(request, 'push', this.#before);
    if (bytes.byteLength > 0) request.push(bytes);
    request.push(null);
  }
}
