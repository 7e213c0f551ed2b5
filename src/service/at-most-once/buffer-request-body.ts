import type { Clock } from '../../core/clock.js';
import type { ArrivingBodies } from './arriving-bodies.js';
import type { NodeRequest } from './node-types.js';

/** A complete body. The caller must call either {@link restore} or {@link discard}. */
export interface BufferedBody {
  readonly bytes: Uint8Array;
  restore(): void;
  discard(): void;
}

/**
 * Why a request body could not be buffered:
 * - `aborted`: the client closed the connection.
 * - `too-large`: the body exceeds the limit.
 * - `already-read`: another reader has started to read the body.
 * - `no-room`: the bodies that are being received exceed their total limit.
 */
export type BodyFailure = 'aborted' | 'too-large' | 'already-read' | 'no-room';

/** The limit for incomplete bodies, and the caller for which the bytes of the body count. */
export interface BodyRoom {
  readonly bodies: ArrivingBodies;
  readonly caller: string;
}

/** Number of bytes above `maxBytes` that are read before the connection is closed. */
const maxIgnoredBytes = 1024 * 1024;

const noop = (): void => undefined;

/**
 * Reads the body of a Node request before the handler runs. {@link BufferedBody.restore} returns the body to the
 * request as if it had just arrived. Never rejects.
 */
export async function bufferBody(
  request: NodeRequest,
  maxBytes: number,
  room: BodyRoom,
  clock: Clock,
): Promise<BufferedBody | BodyFailure> {
  if (!hasBody(request)) return { bytes: Buffer.alloc(0), restore: noop, discard: noop };
  if (request.readableEnded || request.readableDidRead || request.readableFlowing === true)
    return 'already-read';
  if (request.destroyed) return 'aborted';
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too-large';
  if (request.readableLength > 0 && request.readableEncoding !== null) return 'already-read';
  if (isFullyReceived(request)) return peekBody(request, maxBytes);
  return bufferArrivingBody(request, maxBytes, room, clock);
}

function hasBody({ headers, stream }: NodeRequest): boolean {
  if (stream !== undefined) return !stream.endAfterHeaders;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isFullyReceived({ stream, complete }: NodeRequest): boolean {
  return stream === undefined ? complete === true : stream.readableEnded;
}

/** Reads a body that has arrived completely. Puts the body back into the request before the request can emit 'end'. */
function peekBody(request: NodeRequest, maxBytes: number): BufferedBody | BodyFailure {
  if (request.readableLength > maxBytes) return 'too-large';
  const bytes =
    request.readableLength > 0 ? (request.read(request.readableLength) as Buffer) : Buffer.alloc(0);
  if (bytes.length > 0) request.unshift(bytes);
  return { bytes, restore: noop, discard: noop };
}

function bufferArrivingBody(
  request: NodeRequest,
  maxBytes: number,
  { bodies, caller }: BodyRoom,
  clock: Clock,
): Promise<BufferedBody | BodyFailure> {
  return new Promise((resolve) => {
    const { stream } = request;
    const originalPush = Object.getOwnPropertyDescriptor(request, 'push');
    let chunks: Uint8Array[] = [];
    let size = 0;
    let state: 'reading' | 'complete' | 'failed' = 'reading';

    const settle = (body: BufferedBody | BodyFailure): void => {
      if (state !== 'reading') return;
      state = typeof body === 'string' ? 'failed' : 'complete';
      chunks = [];
      arriving.end();
      request.off('close', onClose);
      resolve(body);
    };
    const arriving = bodies.start(caller, () => settle('no-room'));
    const onClose = (): void => settle('aborted');
    const restore = (bytes: Uint8Array): void => {
      if (originalPush === undefined) Reflect.deleteProperty(request, 'push');
      else Object.defineProperty(request, 'push', originalPush);
      if (bytes.byteLength > 0) request.push(bytes);
      request.push(null);
    };
    const discard = (): void => {
      restore(Buffer.alloc(0));
      request.resume();
    };
    const finish = (): void => {
      if (stream !== undefined && (stream.aborted || stream.closed || stream.destroyed)) settle('aborted');
      const bytes = Buffer.concat(chunks);
      settle({ bytes, restore: () => restore(bytes), discard });
    };
    const append = (chunk: Uint8Array): void => {
      size += chunk.byteLength;
      if (size > maxBytes) settle('too-large');
      else if (state === 'reading') {
        chunks.push(chunk);
        arriving.received(chunk.byteLength);
      }
      // The connection stays open for 1 MiB more, so that the client can receive the response 413.
      if (size > maxBytes + maxIgnoredBytes) (stream ?? request).destroy();
    };
    const onEnd = (): void => {
      if (state === 'failed') discard();
      if (state !== 'reading') return;
      // An HTTP/2 client that aborts may end the stream first and reset it afterwards. The body is complete only if
      // no reset follows.
      if (stream === undefined) finish();
      else clock.afterPendingIo(finish);
    };

    if (request.readableLength > 0) append(request.read(request.readableLength) as Buffer);
    const push = (chunk: Uint8Array | string | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null) onEnd();
      else append(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
      return true;
    };
    Object.defineProperty(request, 'push', { value: push, configurable: true, writable: true });
    request.once('close', onClose);
    // Makes Node read from the connection. Takes no data from the request.
    request.read(0);
  });
}
