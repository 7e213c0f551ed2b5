/** Whether a request's body can be sent twice. */

/**
 * Strings, buffers, typed arrays and `URLSearchParams` can. A stream or an iterable cannot once it was touched: it goes
 * along with a repeat only while nothing was ever handed to a connection. Forms and blobs can be read again.
 */
export function isReplayable(body: unknown): boolean {
  if (body === null || body === undefined || typeof body === 'string') return true;
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof URLSearchParams) return true;
  return body instanceof Blob || body instanceof FormData;
}

/** What undici does not take as it is. `URLSearchParams` become their text, as `fetch` sends them. */
export function wireBody(body: unknown): unknown {
  return body instanceof URLSearchParams ? body.toString() : body;
}
