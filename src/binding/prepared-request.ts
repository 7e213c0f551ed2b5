import type { AsyncResource } from 'node:async_hooks';
import type { Endpoint } from '../core/endpoint.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import type { CallContext } from '../invoke/call-context.js';
import type { EndpointPicker, PickConstraints } from '../invoke/endpoint-picker.js';
import type { CallDeadline } from '../invoke/call-deadline.js';
import { HttpCall } from '../invoke/http-call.js';
import { toUndiciBody } from '../invoke/request-body.js';
import type { RequestOptions } from './request-options.js';

/**
 * A request in the form that undici reads. A class, because undici destructures the options of every request, and that
 * takes ten times as long for an object that was created with spread syntax.
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
  readonly #picker: EndpointPicker;
  readonly #callKind: CallKind;
  readonly #constraints: PickConstraints;
  readonly #deadline: CallDeadline;

  constructor(
    options: RequestOptions,
    context: CallContext,
    picker: EndpointPicker,
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
    this.#picker = picker;
    this.#callKind = kind;
    this.#constraints = constraints;
    this.#deadline = deadline;
  }

  start(handler: RequestHandler, scope: AsyncResource): void {
    this.#call = new HttpCall(
      this.#context,
      this.#picker,
      this,
      handler,
      this.#callKind,
      this.#constraints,
      this.#deadline,
      scope,
    );
    this.#call.start();
  }

  /** The endpoint of the current attempt; undefined before the first pick. */
  get endpoint(): Endpoint | undefined {
    return this.#call?.endpoint;
  }

  /** Number of attempts of the call that have started so far. */
  get attempts(): number {
    return this.#call?.attemptCount ?? 0;
  }
}

/**
 * Adds the `content-type` of a `URLSearchParams` body to the headers, unless the headers contain a `content-type`.
 * Headers given as a list or an iterable are returned unchanged.
 */
function withFormContentType(headers: RequestOptions['headers']): RequestOptions['headers'] {
  if (headers === undefined || headers === null)
    return { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (Array.isArray(headers) || Symbol.iterator in headers) return headers;
  if (Object.keys(headers).some((key) => key.toLowerCase() === 'content-type')) return headers;
  return { ...headers, 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' };
}
