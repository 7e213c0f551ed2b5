/** Whether a request's body can be sent twice. */

/**
 * Strings, buffers, typed arrays and `URLSearchParams` can. A stream or an iterable cannot once it was touched: it goes
 * along with a repeat only while nothing was ever handed to a connection. Forms and blobs can be read again.
 */
export function isReplayable(body: unknown): boolean {
  if (body === null || body === undefined || isInMemoryBody(body)) return true;
  // By tag, since undici's classes are not Node's.
  const tag = Object.prototype.toString.call(body);
  return tag === '[object FormData]' || tag === '[object Blob]' || tag === '[object File]';
}

/** Whether a body is all there: text, bytes, or parameters. */
export function isInMemoryBody(body: unknown): boolean {
  return (
    typeof body === 'string' ||
    ArrayBuffer.isView(body) ||
    body instanceof ArrayBuffer ||
    body instanceof URLSearchParams
  );
}

/**
 * What undici does not take as it is: `URLSearchParams` become their text, as `fetch` sends them. An iterable is
 * watched, so that its own failure is not blamed on an endpoint.
 */
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

/** Whether a request failed because its body did. */
export function isBodyError(body: unknown, error: unknown): boolean {
  if (body instanceof ErrorTrackingIterable) return body.hasFailed;
  return typeof body === 'object' && body !== null && 'errored' in body && body.errored === error;
}

class ErrorTrackingIterable implements AsyncIterable<unknown> {
  hasFailed = false;
  readonly #inner: AsyncIterable<unknown> | Iterable<unknown>;

  constructor(inner: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#inner = inner;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<unknown> {
    try {
      yield* this.#inner;
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
  }
}
