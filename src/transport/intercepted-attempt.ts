import { isIP } from 'node:net';
import type { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { interceptorError } from '../core/interceptor-error.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { requestOrigin } from '../core/request-origin.js';

type Send = (request: TransportRequest, handler: RequestHandler) => void;

/** One attempt with interceptors between the call (`outer`) and the connections of the endpoint (`inner`). */
export class InterceptedAttempt {
  /** The handler that the outermost interceptor gets. */
  readonly outer: RequestHandler;
  /** The handler of the latest request on a connection. */
  inner: InnerHandler | undefined = undefined;
  readonly #handler: RequestHandler;
  readonly #request: TransportRequest;
  readonly #origin: string;
  readonly #send: Send;
  #ended = false;
  /** Error that the call threw in `onConnect`, because the call no longer needs the attempt. */
  #refusal: unknown;

  constructor(handler: RequestHandler, request: TransportRequest, origin: string, send: Send) {
    this.#handler = handler;
    this.#request = request;
    this.#origin = origin;
    this.#send = send;
    this.outer = {
      onConnect: (abort, context) => {
        const abortAll = (reason?: Error): void => {
          this.#ended = true;
          abort(reason);
          // An interceptor may have replaced `abort`, so abort the request on the connection too.
          this.inner?.abort(reason);
        };
        try {
          handler.onConnect(abortAll, context);
        } catch (error) {
          this.#refusal = error;
          throw error;
        }
      },
      onHeaders: (...args) => handler.onHeaders(...args),
      onData: (chunk) => handler.onData(chunk),
      onUpgrade: (...args) => handler.onUpgrade(...args),
      onComplete: (trailers) => {
        this.#ended = true;
        handler.onComplete(trailers);
      },
      onError: (error) => this.fail(error),
    };
  }

  fail(error: Error): void {
    if (this.#ended && this.#handler.hasFailed === true) return;
    this.#ended = true;
    // Report the error of an interceptor as an interceptor error, which does not count against the endpoint.
    const { inner } = this;
    const isOfTransport = error === this.#refusal || (error === inner?.error && error !== inner.thrown);
    this.#handler.onError(isOfTransport ? error : interceptorError('An attempt interceptor failed', error));
  }

  /** Returns the handler of the request that may wait for a connection. */
  cancel(): RequestHandler | undefined {
    this.#ended = true;
    return this.inner;
  }

  send(options: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const given = requestOrigin(options);
    const isMoved = given !== this.#origin;
    if (this.#ended || (isMoved && !isOtherIp(given, this.#origin))) {
      handler.onError(this.#ended ? endedError() : originError(given, this.#origin));
      return;
    }
    this.inner = new InnerHandler(handler, this.#handler, () => this.#ended);
    const { headers } = options;
    // undici's DNS interceptor puts an IP address into the origin. The clerk ignores this address, because it resolves
    // host names itself.
    const sent = isMoved ? withoutHost(headers, new URL(this.#origin).host) : headers;
    const { servername } = this.#request as { readonly servername?: unknown };
    this.#send(
      { ...(options as unknown as TransportRequest), ...{ headers: sent, origin: undefined, servername } },
      this.inner,
    );
  }
}

/**
 * Handler of one request on a connection. Passes the response to the interceptors. Passes all other events of the
 * transport directly to the call.
 */
class InnerHandler implements RequestHandler {
  hasFailed = false;
  error: Error | undefined = undefined;
  /** Error that an interceptor threw in a callback. undici passes this error to `onError`. */
  thrown: unknown;
  readonly onBodySent?: (chunk: unknown) => void;
  readonly onRequestSent?: () => void;
  readonly #target: RequestHandler;
  readonly #attempt: RequestHandler;
  readonly #isEnded: () => boolean;
  #abort: ((reason?: Error) => void) | undefined;

  constructor(target: RequestHandler, attempt: RequestHandler, isEnded: () => boolean) {
    this.#target = target;
    this.#attempt = attempt;
    this.#isEnded = isEnded;
    // undici reports the progress of an upload only to a handler with these methods.
    if (attempt.onBodySent !== undefined) this.onBodySent = (chunk) => attempt.onBodySent?.(chunk);
    if (attempt.onRequestSent !== undefined) this.onRequestSent = () => attempt.onRequestSent?.();
  }

  get needsNewConnection(): boolean {
    return this.#attempt.needsNewConnection === true;
  }

  get asyncContext(): AsyncResource | undefined {
    return this.#attempt.asyncContext;
  }

  abort(reason: Error | undefined): void {
    this.#abort?.(reason);
  }

  onDequeue(request: TransportRequest): TransportRequest {
    return this.#attempt.onDequeue?.(request) ?? request;
  }

  onGoAway(): void {
    this.#attempt.onGoAway?.();
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    if (this.#isEnded()) throw endedError();
    this.#abort = abort;
    this.#call(() => this.#target.onConnect(abort, context));
  }

  /** Interceptors of undici expect one response, so informational (1xx) responses bypass the interceptors. */
  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    const target = statusCode < 200 ? this.#attempt : this.#target;
    return this.#call(() => target.onHeaders(statusCode, headers, resume, statusText));
  }

  onData(chunk: Buffer): boolean {
    return this.#call(() => this.#target.onData(chunk));
  }

  onComplete(trailers: string[] | null): void {
    this.#call(() => this.#target.onComplete(trailers));
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    this.#target.onUpgrade(statusCode, headers, socket);
  }

  onError(error: Error): void {
    this.hasFailed = true;
    this.error = error;
    this.#target.onError(error);
  }

  #call<T>(callback: () => T): T {
    try {
      return callback();
    } catch (error) {
      this.thrown = error;
      throw error;
    }
  }
}

/** Whether two origins differ only in the host, and the host of the first origin is an IP address. */
function isOtherIp(given: string, expected: string): boolean {
  if (!URL.canParse(given)) return false;
  const [one, other] = [new URL(given), new URL(expected)];
  const host = one.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && one.protocol === other.protocol && one.port === other.port;
}

function withoutHost(headers: unknown, host: string): unknown {
  if (typeof headers !== 'object' || headers === null) return headers;
  if (Array.isArray(headers))
    return headers[0] === 'host' && headers[1] === host ? headers.slice(2) : headers;
  const { host: given, ...rest } = headers as Readonly<Record<string, unknown>>;
  return given === host ? rest : headers;
}

function originError(given: string, expected: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `An attempt interceptor must keep the origin ${expected} of the endpoint; got ${quote(given)}. If the interceptor follows redirects, pass it in interceptors.call instead`,
  );
}

function endedError(): Error {
  return new Error('The attempt has ended');
}
