import type { Readable } from 'node:stream';

/** Whether a request body can be sent twice. Streams and iterables can be read only once. */
export function isReplayable(body: unknown): boolean {
  if (body === null || body === undefined || isInMemoryBody(body)) return true;
  // The undici package has its own classes `FormData` and `File`, so `instanceof` cannot recognise their objects.
  const tag = Object.prototype.toString.call(body);
  return tag === '[object FormData]' || tag === '[object Blob]' || tag === '[object File]';
}

export function isInMemoryBody(body: unknown): boolean {
  return (
    typeof body === 'string' ||
    ArrayBuffer.isView(body) ||
    body instanceof ArrayBuffer ||
    body instanceof URLSearchParams
  );
}

/** Wraps an iterable, because an error that the iterable throws must not count against the endpoint. */
export function toUndiciBody(body: unknown): unknown {
  if (body === null || typeof body !== 'object') return body;
  if (body instanceof URLSearchParams) return body.toString();
  if ('pipe' in body || isReplayable(body)) return body;
  const { [Symbol.asyncIterator]: asyncIterator, [Symbol.iterator]: iterator } = body as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  if (typeof asyncIterator !== 'function' && typeof iterator !== 'function') return body;
  return new ErrorTrackingIterable(body as AsyncIterable<unknown> | Iterable<unknown>);
}

export function isBodyError(body: unknown, error: unknown): boolean {
  if (body instanceof ErrorTrackingIterable) return body.hasFailed;
  if (typeof body !== 'object' || body === null || !('errored' in body)) return false;
  if (body.errored === error) return true;
  const { code } = error as NodeJS.ErrnoException;
  // undici reports these codes for a stream that was destroyed without an error.
  return body.errored === null && (code === 'UND_ERR_ABORTED' || code === 'ERR_STREAM_PREMATURE_CLOSE');
}

/** Whether an unfinished upload waits for the program. If false, the upload waits for the connection. */
export function isAwaitingBody(body: unknown): boolean {
  if (body instanceof ErrorTrackingIterable) return body.isReading;
  // undici pauses a stream while the connection is full.
  return typeof body === 'object' && body !== null && 'pipe' in body && !(body as Readable).isPaused();
}

class ErrorTrackingIterable implements AsyncIterable<unknown> {
  hasFailed = false;
  isReading = false;
  readonly #inner: AsyncIterable<unknown> | Iterable<unknown>;

  constructor(inner: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#inner = inner;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<unknown> {
    try {
      this.isReading = true;
      for await (const part of this.#inner) {
        this.isReading = false;
        yield part;
        this.isReading = true;
      }
      this.isReading = false;
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
  }
}
