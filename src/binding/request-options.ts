import type { Dispatcher } from 'undici';
import { describeValue } from '../core/describe-value.js';
import type { Endpoint } from '../core/endpoint.js';
import type { ClerkError } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';
import { checkSignal } from '../client/option-checks.js';
import { optionOwner } from '../client/option-keys.js';
import { checkBody } from './check-request-body.js';
import { configError } from '../core/errors.js';
import { isPlainObject } from '../core/is-object.js';

/** Options of any call. */
export interface CallOptions {
  /**
   * Timeout of the call in ms, above 0 and at most 2^31 − 1. For `request` and `fetch`, the timeout does not include
   * the response body. Default: the timeout of the binding.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Attempt timeout in ms, or bounds for the attempt timeout. Default: the setting of the binding. @see {@link
   * BindOptions.attemptTimeoutMs}
   */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | undefined;
  /** Retries of the call. Default of each field: the setting of the binding. @see {@link BindOptions.retries} */
  readonly retries?: RetryOptions | false | undefined;
  /**
   * Kind of the call, which determines whether the call may be retried. Default: the kind of the binding. If the
   * binding has none, `once` for `call()`, and the kind that the HTTP method implies for a request.
   */
  readonly kind?: CallKind | undefined;
  /**
   * Affinity key. With the policy `affinity`, calls with the same key prefer the same endpoint. Default: the key of
   * the binding.
   */
  readonly affinity?: string | undefined;
  /**
   * Whether the call waits while no endpoint can be used, at most until its deadline. Default: the setting of the
   * binding. @see {@link BindOptions.waitForReady}
   */
  readonly waitForReady?: boolean | undefined;
  /** Aborts the call, which then rejects with `ABORTED`. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Binding.acquire}. */
export type AcquireOptions = Pick<CallOptions, 'timeoutMs' | 'affinity' | 'waitForReady' | 'signal'>;

/** Options of {@link Binding.ready}. */
export type ReadyOptions = Pick<CallOptions, 'timeoutMs' | 'signal'>;

/** Options of a request, named as in undici. An unknown option is rejected with `CONFIG_INVALID`. */
export interface RequestOptions extends CallOptions {
  /**
   * Timeout of the request with its response body, in ms, above 0 and at most 2^31 − 1. When the time is over, the
   * response body fails with `DEADLINE_EXCEEDED`. Default: the setting of the binding. @see {@link
   * BindOptions.totalTimeoutMs}
   */
  readonly totalTimeoutMs?: number | undefined;
  /** Path within the service; must begin with `/`. */
  readonly path: string;
  /** HTTP method; `CONNECT` is rejected. Default `GET`. */
  readonly method?: string | undefined;
  /** Request headers, in any form undici accepts. */
  readonly headers?: Dispatcher.RequestOptions['headers'] | undefined;
  /** Request body. A request whose body is a stream or iterable is not retried after a part of the body was sent. */
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
  /**
   * Value to send as a JSON body, in place of `body`. Serialized when the call starts. The request has the header
   * `content-type: application/json`, unless the headers have a content type. `undefined` sends no body.
   */
  readonly json?: unknown;
  /** Query parameters, as a plain object; appended to `path`. */
  readonly query?: Record<string, unknown> | undefined;
  /** undici's name for `kind: 'idempotent'`. Ignored when `kind` is set. */
  readonly idempotent?: boolean | undefined;
  /** Any value, returned in the field `opaque` of the response. */
  readonly opaque?: unknown;
  /** `raw`: the response has its headers as a list instead of an object. */
  readonly responseHeaders?: 'raw' | null | undefined;
  /** Called with each informational response (1xx). */
  readonly onInfo?:
    ((info: { statusCode: number; headers: Record<string, string | string[]> }) => void) | undefined;
  /** High-water mark of the response body stream, in bytes, ≥ 0. */
  readonly highWaterMark?: number | undefined;
  /** Maximum time between two chunks of the response body, in ms; 0 means no limit. */
  readonly bodyTimeout?: number | null | undefined;
  /** undici's timeout for the response headers, in ms. Applies in addition to `timeoutMs`. */
  readonly headersTimeout?: number | null | undefined;
  /** Whether the connection is closed after the request. */
  readonly reset?: boolean | undefined;
  /** Whether the request headers are sent first and the body only after a 100 response (HTTP/2). */
  readonly expectContinue?: boolean | undefined;
}

/** Options of {@link Binding.gather}: those of a request, except three options that have no effect in `gather`. */
export type GatherOptions = Omit<RequestOptions, 'retries' | 'attemptTimeoutMs' | 'affinity'>;

/** A response as undici returns it, with the endpoint that sent the response. */
export interface ClerkResponse extends Dispatcher.ResponseData {
  /** The endpoint that responded. */
  readonly endpoint: Endpoint;
  /** Number of attempts of the call, including the attempt that got this response; ≥ 1. */
  readonly attempts: number;
}

const requestKeys = new Set(
  Object.keys({
    path: true,
    method: true,
    headers: true,
    body: true,
    json: true,
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
    totalTimeoutMs: true,
    attemptTimeoutMs: true,
    retries: true,
    kind: true,
    affinity: true,
    waitForReady: true,
    signal: true,
  } satisfies Record<keyof RequestOptions, true>),
);

/** @throws {@link ClerkError} `CONFIG_INVALID` when an option is unknown or invalid */
export function checkRequest(options: RequestOptions, name: string): void {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null)
    throw requestError(
      name,
      `options must be an object with a path, such as { path: '/orders/7' }; got ${describeValue(options)}`,
    );
  for (const key in options) {
    if (!requestKeys.has(key)) throw unknownOption(name, key);
  }
  const path: unknown = options.path;
  if (typeof path !== 'string' || path[0] !== '/')
    throw requestError(name, `path must be a string that begins with '/'; got ${describeValue(path)}`);
  if (typeof options.method === 'string' && options.method.toUpperCase() === 'CONNECT')
    throw requestError(name, 'method must not be CONNECT; use call() or acquire() to open a tunnel');
  if (options.query !== undefined && !isPlainObject(options.query))
    throw requestError(
      name,
      `query must be a plain object such as { page: 2 }; got ${describeValue(options.query)}`,
    );
  if (typeof options.body !== 'string') checkBody(options.body, `Request to ${name}`);
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

function unknownOption(name: string, key: string): ClerkError {
  const owner = optionOwner(key);
  return requestError(
    name,
    `${owner === undefined ? `unknown option '${key}'` : `option '${key}' belongs to ${owner}`}; known options are ${[...requestKeys].join(', ')}`,
  );
}

function requestError(name: string, problem: string): ClerkError {
  return configError(`Request to ${name}: ${problem}`);
}

/** @throws {@link ClerkError} `CONFIG_INVALID` when the path or the options are given twice */
export function normalizeRequest(
  path: string | RequestOptions,
  otherOptions: Omit<RequestOptions, 'path'> | undefined,
  subject: string,
): RequestOptions {
  if (typeof path !== 'string') {
    if (otherOptions !== undefined)
      throw configError(
        `${subject}: options are given twice, as first and as second argument; pass one object with all options`,
      );
    return path;
  }
  if (otherOptions === undefined) return { path };
  if (typeof otherOptions === 'object' && (otherOptions as object | null) !== null && 'path' in otherOptions)
    throw configError(
      `${subject}: the path is given twice, as '${path}' and within the options; remove one of the two paths`,
    );
  return { ...otherOptions, path };
}
