import type { Dispatcher } from 'undici';
import type { TransportRequest } from '../core/transport.js';
import { toUndiciBody } from '../invoke/request-body.js';
import type { RequestOptions } from './request-options.js';

/**
 * A copy of the request options that undici reads, made when the call starts. All attempts send the same request,
 * even if the program changes its options. The body is shared, not copied.
 *
 * A class is faster here: undici destructures the options of every request, which takes ten times as long for an
 * object created with spread syntax.
 */
export class RequestCopy implements TransportRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: unknown;
  readonly body: unknown;
  readonly query: unknown;
  readonly idempotent: boolean | undefined;
  readonly blocking: unknown;
  readonly upgrade: unknown;
  readonly headersTimeout: number | null | undefined;
  readonly bodyTimeout: number | null | undefined;
  readonly reset: boolean | undefined;
  readonly expectContinue: boolean | undefined;
  readonly servername: unknown;
  readonly throwOnError: unknown;
  readonly maxRedirections: unknown;
  readonly typeOfService: unknown;

  /** @param options - options of a request, or the options that undici dispatches */
  constructor(options: RequestOptions | Dispatcher.DispatchOptions) {
    const given = options as Readonly<Record<string, unknown>> & RequestOptions;
    this.path = given.path;
    this.method = given.method ?? 'GET';
    this.headers = copyHeaders(
      given.headers,
      given.body instanceof URLSearchParams ? formContentType : undefined,
    );
    this.body = toUndiciBody(given.body);
    this.query = copyQuery(given.query);
    this.idempotent = given.idempotent;
    this.blocking = given.blocking;
    this.upgrade = given.upgrade;
    this.headersTimeout = given.headersTimeout;
    this.bodyTimeout = given.bodyTimeout;
    this.reset = given.reset;
    this.expectContinue = given.expectContinue;
    this.servername = given.servername;
    this.throwOnError = given.throwOnError;
    this.maxRedirections = given.maxRedirections;
    this.typeOfService = given.typeOfService;
  }
}

/** Copies the options of a request, so that later changes have no effect. The body is shared, not copied. */
export function copyOptions<T extends Omit<RequestOptions, 'path'>>(options: T): T {
  return { ...options, headers: copyHeaders(options.headers), query: copyQuery(options.query) };
}

const formContentType = 'application/x-www-form-urlencoded;charset=UTF-8';

/**
 * Copies headers from any form that undici accepts to a record, or to a flat list of names and values. Returns an
 * invalid value unchanged, so that undici reports the error.
 *
 * @param contentType - added as `content-type` if the headers have no `content-type`
 */
function copyHeaders(headers: unknown, contentType?: string): unknown {
  if (headers === undefined || headers === null)
    return contentType === undefined ? headers : { 'content-type': contentType };
  if (typeof headers !== 'object') return headers;
  let copy: unknown[] | Record<string, unknown>;
  if (Array.isArray(headers)) copy = headers.map(copyValue);
  else if (Symbol.iterator in headers) {
    copy = [];
    for (const pair of headers as Iterable<unknown>) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw new TypeError('headers must be pairs of a name and a value');
      copy.push(pair[0], copyValue(pair[1]));
    }
  } else {
    copy = { ...headers };
    for (const name in copy) if (typeof copy[name] === 'object') copy[name] = copyValue(copy[name]);
  }
  if (contentType === undefined) return copy;
  const names = Array.isArray(copy) ? copy.filter((_, i) => i % 2 === 0) : Object.keys(copy);
  if (names.some((name) => String(name).toLowerCase() === 'content-type')) return copy;
  return Array.isArray(copy)
    ? [...copy, 'content-type', contentType]
    : { ...copy, 'content-type': contentType };
}

/** Copies the query parameters: an object of primitive values and lists of these. */
function copyQuery(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  const copy: Record<string, unknown> = { ...query };
  for (const name in copy) if (typeof copy[name] === 'object') copy[name] = copyValue(copy[name]);
  return copy;
}

function copyValue(value: unknown): unknown {
  return Array.isArray(value) ? [...(value as unknown[])] : value;
}
