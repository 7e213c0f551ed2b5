/** Requests: what a program writes, what undici reads, and the reply. */
import type { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { CallKind } from '../core/idempotency.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { toUndiciBody } from '../invoke/request-body.js';
import { HttpCall } from '../invoke/http-call.js';
import type { CallContext, PickConstraints } from '../invoke/call-context.js';
import type { CallDeadline } from '../invoke/deadline.js';
import { checkSignal } from '../client/check-signal.js';

/** What any call may be given. */
export interface CallOptions {
  /** Time for the call, in ms, > 0. Default: the binding's. */
  readonly timeoutMs?: number | undefined;
  /** What a repeat would do. Default: the binding's, else by the method; `once` for `call`. */
  readonly kind?: CallKind | undefined;
  /** Key that keeps calls together under the policy `affinity`. Default: the binding's. */
  readonly affinity?: string | undefined;
  /** Gives the call up when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A request, shaped like undici's. */
export interface RequestOptions extends CallOptions {
  /** Where in the service, beginning with `/`. */
  readonly path: string;
  /** Default `GET`. */
  readonly method?: string;
  /** As undici takes them. */
  readonly headers?: Dispatcher.RequestOptions['headers'];
  /** String, buffer, typed array, `URLSearchParams`, form, blob, stream or iterable. Streams are sent once. */
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
  /** Query parameters, added to `path`. A plain object. */
  readonly query?: Record<string, unknown>;
  /** undici's word for `kind: 'idempotent'`. */
  readonly idempotent?: boolean;
  /** Handed through to the reply. */
  readonly opaque?: unknown;
  /** `raw` keeps headers as a list. */
  readonly responseHeaders?: 'raw' | null;
  /** Called with informational answers. */
  readonly onInfo?: (info: { statusCode: number; headers: Record<string, string | string[]> }) => void;
  /** Of the reply's body. */
  readonly highWaterMark?: number;
  /** Longest pause between two pieces of the body, in ms; 0 for none. */
  readonly bodyTimeout?: number | null;
  /** undici's own limit for the head, in ms, beside the call's time. */
  readonly headersTimeout?: number | null;
  /** Closes the connection after the request. */
  readonly reset?: boolean;
  /** Sends the head first and waits for 100 (HTTP/2). */
  readonly expectContinue?: boolean;
}

/** The reply to a request: undici's, and who gave it after how many attempts. */
export interface ClerkResponse extends Dispatcher.ResponseData {
  /** Who answered. */
  readonly endpoint: Endpoint;
  /** Attempts it took, ≥ 1. */
  readonly attempts: number;
}

const requestKeys = new Set([
  'path',
  'method',
  'headers',
  'body',
  'query',
  'idempotent',
  'opaque',
  'responseHeaders',
  'onInfo',
  'highWaterMark',
  'bodyTimeout',
  'headersTimeout',
  'reset',
  'expectContinue',
  'timeoutMs',
  'kind',
  'affinity',
  'signal',
]);

/**
 * Refuses a request that nobody could send, or with options that nobody would read.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function checkRequest(options: RequestOptions, name: string): void {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null)
    throw requestError(name, 'needs an object with a path');
  for (const key in options) {
    if (!requestKeys.has(key))
      throw requestError(name, `has the unknown option '${key}'; known are ${[...requestKeys].join(', ')}`);
  }
  const path: unknown = options.path;
  if (typeof path !== 'string' || path[0] !== '/')
    throw requestError(name, `has the path ${String(path)}; it must be a string that begins with '/'`);
  if (typeof options.method === 'string' && options.method.toUpperCase() === 'CONNECT')
    throw requestError(
      name,
      'has the method CONNECT, which opens a tunnel; use call() or acquire() for that',
    );
  if (options.query !== undefined && !isPlainObject(options.query))
    throw requestError(name, 'has a query that is no plain object; write it as { key: value }');
  if (options.signal !== undefined) checkSignal(options.signal, `A request of ${name}`);
  if (options.onInfo !== undefined && typeof options.onInfo !== 'function')
    throw requestError(name, 'has an onInfo that is no function');
  const { highWaterMark } = options;
  if (highWaterMark !== undefined && !(Number.isFinite(highWaterMark) && highWaterMark >= 0))
    throw requestError(
      name,
      `has the highWaterMark ${String(highWaterMark)}; it must be a number of bytes ≥ 0`,
    );
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function requestError(name: string, problem: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `A request of ${name} ${problem}`);
}

/**
 * The request of a method that takes its path before the other options, or within them.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function normalizeRequest(
  path: string | RequestOptions,
  otherOptions: Omit<RequestOptions, 'path'> | undefined,
  subject: string,
): RequestOptions {
  if (typeof path !== 'string') {
    if (otherOptions !== undefined)
      throw new ClerkError('CONFIG_INVALID', `${subject} has options twice; put all of them into one object`);
    return path;
  }
  if (otherOptions === undefined) return { path };
  if (typeof otherOptions === 'object' && (otherOptions as object | null) !== null && 'path' in otherOptions)
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} has a path twice: '${path}' and within its options; leave one of them out`,
    );
  return { ...otherOptions, path };
}

/**
 * A request as undici reads it. Always the same fields in the same order: undici takes them apart for every request,
 * and a copy made with spread would cost it ten times as much.
 */
export class PreparedRequest implements TransportRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: RequestOptions['headers'];
  readonly body: unknown;
  readonly query: RequestOptions['query'];
  readonly idempotent: boolean | undefined;
  readonly opaque: unknown;
  readonly responseHeaders: RequestOptions['responseHeaders'];
  readonly onInfo: RequestOptions['onInfo'];
  readonly highWaterMark: number | undefined;
  readonly bodyTimeout: number | null | undefined;
  readonly headersTimeout: number | null | undefined;
  readonly reset: boolean | undefined;
  readonly expectContinue: boolean | undefined;
  readonly signal: AbortSignal | undefined;
  readonly kind: CallKind | undefined;
  #call: HttpCall | undefined;
  readonly #context: CallContext;
  readonly #callKind: CallKind;
  readonly #constraints: PickConstraints;
  readonly #deadline: CallDeadline;

  constructor(
    options: RequestOptions,
    context: CallContext,
    kind: CallKind,
    constraints: PickConstraints,
    deadline: CallDeadline,
  ) {
    const isForm = options.body instanceof URLSearchParams;
    this.path = options.path;
    this.method = options.method ?? 'GET';
    this.headers = isForm ? withFormContentType(options.headers) : options.headers;
    this.body = toUndiciBody(options.body);
    this.query = options.query;
    this.idempotent = options.idempotent;
    this.opaque = options.opaque;
    this.responseHeaders = options.responseHeaders;
    this.onInfo = options.onInfo;
    this.highWaterMark = options.highWaterMark;
    this.bodyTimeout = options.bodyTimeout;
    this.headersTimeout = options.headersTimeout;
    this.reset = options.reset;
    this.expectContinue = options.expectContinue;
    this.signal = options.signal;
    this.kind = options.kind;
    this.#context = context;
    this.#callKind = kind;
    this.#constraints = constraints;
    this.#deadline = deadline;
  }

  /** Begins the call; everything else is heard by the handler. */
  start(handler: RequestHandler, scope: AsyncResource): void {
    this.#call = new HttpCall(
      this.#context,
      this,
      handler,
      this.#callKind,
      this.#constraints,
      this.#deadline,
      scope,
    );
    this.#call.start();
  }

  /** Who answers; undefined before there is somebody. */
  get endpoint(): Endpoint | undefined {
    return this.#call?.endpoint;
  }

  /** Attempts made so far. */
  get attempts(): number {
    return this.#call?.attemptCount ?? 0;
  }
}

/** What `fetch` adds by itself, where the program did not say otherwise. */
function withFormContentType(headers: RequestOptions['headers']): RequestOptions['headers'] {
  if (headers === undefined || headers === null)
    return { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (Array.isArray(headers) || Symbol.iterator in headers) return headers;
  if (Object.keys(headers).some((key) => key.toLowerCase() === 'content-type')) return headers;
  return { ...headers, 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' };
}
