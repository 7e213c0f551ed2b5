import type { Dispatcher } from 'undici';
import { describeValue } from '../core/describe-value.js';
import type { Endpoint } from '../core/endpoint.js';
import type { ClerkError } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import { checkSignal, configError } from '../client/option-checks.js';

/** Options of any call. */
export interface CallOptions {
  /** Timeout of the call in ms, above 0 … 2^31 − 1. Default: that of the binding. */
  readonly timeoutMs?: number | undefined;
  /** Whether the call may be retried. Default: that of the binding, else by the method; `once` for `call()`. */
  readonly kind?: CallKind | undefined;
  /** Affinity key: under the policy `affinity`, calls with one key go to one endpoint. Default: that of the binding. */
  readonly affinity?: string | undefined;
  /** Aborts the call: it rejects with `ABORTED`. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** A request, shaped like undici's. An unknown option is an error. */
export interface RequestOptions extends CallOptions {
  /** Path within the service; must begin with `/`. */
  readonly path: string;
  /** HTTP method; `CONNECT` is rejected. Default `GET`. */
  readonly method?: string;
  /** Request headers, in any form undici accepts. */
  readonly headers?: Dispatcher.RequestOptions['headers'];
  /** String, buffer, typed array, `URLSearchParams`, form, blob, stream or iterable. A stream cannot be sent twice. */
  readonly body?:
    | Dispatcher.DispatchOptions['body']
    | ArrayBuffer
    | ArrayBufferView
    | URLSearchParams
    | FormData
    | Blob
    | ReadableStream
    | Iterable<string | Uint8Array>
    | AsyncIterable<string | Uint8Array>
    | undefined;
  /** Query parameters, appended to `path`. A plain object. */
  readonly query?: Record<string, unknown>;
  /** undici's name for `kind: 'idempotent'`. */
  readonly idempotent?: boolean;
  /** Any value; returned with the response. */
  readonly opaque?: unknown;
  /** `raw` returns the response headers as a list. */
  readonly responseHeaders?: 'raw' | null;
  /** Called with each informational response (1xx). */
  readonly onInfo?: (info: { statusCode: number; headers: Record<string, string | string[]> }) => void;
  /** High-water mark of the response body stream, in bytes, ≥ 0. */
  readonly highWaterMark?: number;
  /** Maximum time between two chunks of the response body, in ms; 0 disables it. */
  readonly bodyTimeout?: number | null;
  /** undici's timeout for the response head, in ms. Applies beside `timeoutMs`. */
  readonly headersTimeout?: number | null;
  /** Closes the connection after the request. */
  readonly reset?: boolean;
  /** Sends the request head first and waits for a 100 response (HTTP/2). */
  readonly expectContinue?: boolean;
}

/** A response: undici's, with the endpoint that sent it. */
export interface ClerkResponse extends Dispatcher.ResponseData {
  /** The endpoint that responded. */
  readonly endpoint: Endpoint;
  /** Number of attempts, including the successful one; ≥ 1. */
  readonly attempts: number;
}

const requestKeys = new Set(
  Object.keys({
    path: true,
    method: true,
    headers: true,
    body: true,
    query: true,
    idempotent: true,
    opaque: true,
    responseHeaders: true,
    onInfo: true,
    highWaterMark: true,
    bodyTimeout: true,
    headersTimeout: true,
    reset: true,
    expectContinue: true,
    timeoutMs: true,
    kind: true,
    affinity: true,
    signal: true,
  } satisfies Record<keyof RequestOptions, true>),
);

/**
 * Checks the options of a request.
 *
 * @param name - of the service, for the message
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is unknown or invalid
 */
export function checkRequest(options: RequestOptions, name: string): void {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null)
    throw requestError(name, `options must be an object with a path; got ${describeValue(options)}`);
  for (const key in options) {
    if (!requestKeys.has(key))
      throw requestError(name, `unknown option '${key}'; known options are ${[...requestKeys].join(', ')}`);
  }
  const path: unknown = options.path;
  if (typeof path !== 'string' || path[0] !== '/')
    throw requestError(name, `path must be a string that begins with '/'; got ${describeValue(path)}`);
  if (typeof options.method === 'string' && options.method.toUpperCase() === 'CONNECT')
    throw requestError(name, 'method must not be CONNECT; use call() or acquire() to open a tunnel');
  if (options.query !== undefined && !isPlainObject(options.query))
    throw requestError(
      name,
      `query must be a plain object; got ${describeValue(options.query)}; write it as { key: value }`,
    );
  if (options.signal !== undefined) checkSignal(options.signal, `Request to ${name}`);
  if (options.onInfo !== undefined && typeof options.onInfo !== 'function')
    throw requestError(name, `onInfo must be a function; got ${describeValue(options.onInfo)}`);
  const { highWaterMark } = options;
  if (highWaterMark !== undefined && !(Number.isFinite(highWaterMark) && highWaterMark >= 0))
    throw requestError(
      name,
      `highWaterMark must be a number of bytes ≥ 0; got ${describeValue(highWaterMark)}`,
    );
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function requestError(name: string, problem: string): ClerkError {
  return configError(`Request to ${name}: ${problem}`);
}

/**
 * Combines a path and further options into one object. The path may be given either way.
 *
 * @param subject - prefix of the error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when the path or the options are given twice
 */
export function normalizeRequest(
  path: string | RequestOptions,
  otherOptions: Omit<RequestOptions, 'path'> | undefined,
  subject: string,
): RequestOptions {
  if (typeof path !== 'string') {
    if (otherOptions !== undefined) throw configError(`${subject}: options are given twice; pass one object`);
    return path;
  }
  if (otherOptions === undefined) return { path };
  if (typeof otherOptions === 'object' && (otherOptions as object | null) !== null && 'path' in otherOptions)
    throw configError(
      `${subject}: the path is given twice, as '${path}' and within the options; remove one of them`,
    );
  return { ...otherOptions, path };
}
