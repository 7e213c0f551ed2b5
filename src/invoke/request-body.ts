/**
 * Whether a request body can be sent twice: strings, buffers, typed arrays, `URLSearchParams`, forms and blobs. A
 * stream or an iterable can be sent again only while no byte of it was handed to a connection.
 */
export function isReplayable(body: unknown): boolean {
  if (body === null || body === undefined || isInMemoryBody(body)) return true;
  // Compared by tag, since undici's classes differ from Node's.
  const tag = Object.prototype.toString.call(body);
  return tag === '[object FormData]' || tag === '[object Blob]' || tag === '[object File]';
}

/** Whether a body is fully in memory: a string, bytes or parameters. */
export function isInMemoryBody(body: unknown): boolean {
  return (
    typeof body === 'string' ||
    ArrayBuffer.isView(body) ||
    body instanceof ArrayBuffer ||
    body instanceof URLSearchParams
  );
}

/**
 * Converts a body to a form that undici accepts. `URLSearchParams` become a string, as with `fetch`. An iterable is
 * wrapped, so that its own error does not count against the endpoint.
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

/** Whether a request failed because reading its body failed. */
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
