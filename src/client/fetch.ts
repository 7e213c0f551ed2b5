import { finished } from 'node:stream';
import type { Dispatcher } from 'undici';
import { checkBoolean, checkKind, checkOverrides, checkTimeout } from '../binding/bind-config.js';
import { isAbortSignal } from '../core/abort-signal.js';
import type { Clock } from '../core/clock.js';
import { describeValue, quote } from '../core/describe-value.js';
import { ClerkError, configError } from '../core/errors.js';
import { releaseBody } from '../core/release-body.js';
import type { RequestHandler } from '../core/transport.js';
import type { ClerkErrorHandler } from '../invoke/dispatched-call.js';
import { isInMemoryBody, toUndiciBody } from '../invoke/request-body.js';
import type { CallOptions, RequestOptions } from '../binding/request-options.js';
import { replayableBody } from './replayable-body.js';
import { ResponseBodyLimit, type EncodedSize } from './response-body-limit.js';
import { checkSignal } from './option-checks.js';
import { dispatcherOf } from './request-dispatcher.js';

type FetchCallOptions = Omit<CallOptions, 'signal'> & Pick<RequestOptions, 'totalTimeoutMs'>;

/** `fetch` with the options of a call in `init`. These options require a host under `.clerk`. */
export type ClerkFetch = (
  input: string | URL | Request,
  init?: RequestInit & Omit<CallOptions, 'signal'> & Pick<RequestOptions, 'totalTimeoutMs'>,
) => Promise<Response>;

export type FetchDispatcher = Pick<Dispatcher, 'dispatch'>;

/**
 * undici's `fetch`, which sends requests through `dispatcher`. If `isGiven` is false and `input` is a `Request` with
 * a dispatcher, undici uses the dispatcher of the `Request` instead.
 */
export type UndiciFetch = (
  dispatcher: FetchDispatcher,
  input: string | URL | Request,
  init: RequestInit,
  isGiven: boolean,
) => Promise<Response>;

export interface FetchOptions {
  /** Sends the requests of a call. */
  readonly dispatcher: FetchDispatcher;
  /** Sends a request after a redirect from a host under `.clerk`. Default: `dispatcher`. */
  readonly redirected?: FetchDispatcher;
  /** The function that error messages name, such as `clerk.fetch()`. */
  readonly subject: string;
  /** Origin to which a URL without an origin belongs. Default: such a URL is invalid. */
  readonly base?: string;
  readonly undiciFetch: UndiciFetch;
  /** Maximum size of a body that is read whole, in bytes after decoding; may be `Infinity`. */
  readonly maxResponseSize: number;
  /** The option `redirects` of `createClerk`. */
  readonly redirects: 'all' | 'names';
  readonly clock: Pick<Clock, 'afterPendingIo'>;
}

export function createFetch(settings: FetchOptions): ClerkFetch {
  const { subject, base, undiciFetch, maxResponseSize, clock } = settings;
  const limit = new ResponseBodyLimit(maxResponseSize);
  const fetch: ClerkFetch = (given, init) => {
    if (hasBody(given) && (init?.body === undefined || init.body === null))
      return replayableBody(given.body, (callback) => clock.afterPendingIo(callback)).then((body) =>
        fetch(given, { ...init, body, duplex: 'half' }),
      );
    const {
      kind,
      timeoutMs,
      totalTimeoutMs,
      affinity,
      attemptTimeoutMs,
      retries,
      waitForReady,
      dispatcher: ownDispatcher,
      ...requestInit
    }: FetchInit = init ?? {};
    const options = { kind, timeoutMs, totalTimeoutMs, affinity, attemptTimeoutMs, retries, waitForReady };
    const { signal, body } = requestInit;
    try {
      const input = base === undefined || isRequest(given) ? given : new URL(given, base);
      const hasOptions = Object.values(options).some((value) => value !== undefined);
      const call = new CallDispatcher(
        settings,
        hasOptions ? checkFetchOptions(input, options, subject) : undefined,
        body,
        checkDispatcher(ownDispatcher, subject) ?? dispatcherOf(input),
      );
      const response = isAbortSignal(signal)
        ? fetchUntilAborted(signal, subject, (own) =>
            undiciFetch(call, input, { ...requestInit, signal: own }, call.isGiven),
          )
        : undiciFetch(call, input, requestInit, call.isGiven);
      if (isStreamLike(body)) response.catch((error: unknown) => releaseBody(body, error));
      return response.then((received) => {
        if (call.isClerkCall) limit.apply(received, call);
        return received;
      });
    } catch (error) {
      releaseBody(body, error);
      return Promise.reject(new TypeError('fetch failed', { cause: error }));
    }
  };
  return fetch;
}

type FetchInit = Omit<NonNullable<Parameters<ClerkFetch>[1]>, 'dispatcher'> & {
  readonly dispatcher?: unknown;
};
type RequestWithBody = Request & { readonly body: NonNullable<Request['body']> };

/** Returns false for a used or locked body, which `fetch` then rejects. */
function hasBody(input: string | URL | Request): input is RequestWithBody {
  if (typeof input !== 'object' || !('bodyUsed' in input) || input.bodyUsed) return false;
  return input.body instanceof ReadableStream && !input.body.locked;
}

function checkDispatcher(given: unknown, subject: string): FetchDispatcher | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof (given as Partial<FetchDispatcher>).dispatch === 'function') return given as FetchDispatcher;
  throw configError(
    `${subject}: dispatcher must be an undici dispatcher; got ${describeValue(given)}; remove the option, or pass clerk.dispatcher`,
  );
}

function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && 'url' in input;
}

export function isClerkOrigin(origin: string): boolean {
  return /^https?:\/\/(?:[^/?#]*\.)?clerk\.*(?::[0-9]*)?\/?$/i.test(origin);
}

function checkFetchOptions(
  input: string | URL | Request,
  options: FetchCallOptions,
  subject: string,
): FetchCallOptions {
  const { kind, timeoutMs, totalTimeoutMs, affinity, waitForReady } = options;
  const checked = {
    kind: checkKind(kind, subject),
    timeoutMs: timeoutMs === undefined ? undefined : checkTimeout(timeoutMs, subject),
    totalTimeoutMs:
      totalTimeoutMs === undefined ? undefined : checkTimeout(totalTimeoutMs, subject, 'totalTimeoutMs'),
    affinity,
    waitForReady:
      waitForReady === undefined ? undefined : checkBoolean(waitForReady, subject, 'waitForReady'),
    ...checkOverrides(options, subject),
  };
  const { origin } = new URL(isRequest(input) ? input.url : input);
  if (!isClerkOrigin(origin)) {
    const given = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key]));
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject}: ${given.join(', ')} ${given.length === 1 ? 'requires' : 'require'} a host under .clerk; got ${origin}; remove ${given.length === 1 ? 'this option' : 'these options'}${timeoutMs === undefined ? '' : ', or use a signal instead of timeoutMs'}`,
    );
  }
  return checked;
}

/**
 * The dispatcher for the requests of one `fetch`. Adds the call options and the original body to each request,
 * because undici's `fetch` would drop them.
 */
class CallDispatcher implements FetchDispatcher, EncodedSize {
  encodedBytes = 0;
  /** Whether the latest request of the call was sent to a host under `.clerk`. */
  isClerkCall = false;
  readonly #settings: FetchOptions;
  readonly #options: FetchCallOptions | undefined;
  /**
   * The body as the caller passed it, if it is in memory; otherwise undefined. A retry sends this body, because
   * undici's `fetch` turns a body into a stream that can be sent only once.
   */
  readonly #originalBody: unknown;

  /** The dispatcher in the options of `fetch` or in the `Request`. Sends every request of the call. */
  readonly #given: FetchDispatcher | undefined;

  constructor(
    settings: FetchOptions,
    options: FetchCallOptions | undefined,
    body: unknown,
    given: FetchDispatcher | undefined,
  ) {
    this.#settings = settings;
    this.#given = given;
    this.#options = options;
    this.#originalBody = isInMemoryBody(body) ? toUndiciBody(body) : undefined;
  }

  get isGiven(): boolean {
    return this.#given !== undefined;
  }

  /** Property of undici's `MockAgent`. If true, undici's `fetch` passes on the body in its original form. */
  get isMockActive(): boolean {
    return (this.#given as { readonly isMockActive?: boolean } | undefined)?.isMockActive === true;
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // After a request to a host under `.clerk`, the next request follows a redirect, which may lead to any host.
    const isRedirected = this.isClerkCall;
    const { redirects, subject } = this.#settings;
    const { dispatcher, redirected = dispatcher } = this.#settings;
    const target = this.#given ?? (isRedirected ? redirected : dispatcher);
    this.isClerkCall = isClerkOrigin(String(request.origin));
    if (!this.isClerkCall) {
      if (!isRedirected || redirects === 'all') return target.dispatch(request, handler);
      queueMicrotask(() =>
        (handler as unknown as RequestHandler).onError(redirectError(String(request.origin), subject)),
      );
      return true;
    }
    this.encodedBytes = 0;
    const counting = new CountingHandler(handler as unknown as RequestHandler, this) as never;
    // If a redirect has removed the body, the original body must not be sent.
    const hasBody = request.body !== null && request.body !== undefined;
    const originalBody = hasBody ? this.#originalBody : undefined;
    if (this.#options === undefined && originalBody === undefined) return target.dispatch(request, counting);
    const body = originalBody ?? request.body;
    return target.dispatch({ ...request, ...this.#options, body } as Dispatcher.DispatchOptions, counting);
  }
}

function redirectError(origin: string, subject: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `${subject}: a service must redirect only to hosts under .clerk, because the clerk has redirects: 'names'; got ${quote(origin)}, to which nothing was sent; to allow other hosts, set redirects: 'all' of createClerk()`,
    { execution: 'done' },
  );
}

/** Counts the received bytes of a response body. */
class CountingHandler implements ClerkErrorHandler {
  readonly getsClerkErrors = true;
  readonly #handler: RequestHandler;
  readonly #size: EncodedSize;

  constructor(handler: RequestHandler, size: EncodedSize) {
    this.#handler = handler;
    this.#size = size;
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#handler.onConnect(abort, context);
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    return this.#handler.onHeaders(statusCode, headers, resume, statusText);
  }

  onData(chunk: Buffer): boolean {
    this.#size.encodedBytes += chunk.length;
    return this.#handler.onData(chunk);
  }

  onComplete(trailers: string[] | null): void {
    this.#handler.onComplete(trailers);
  }

  onError(error: Error): void {
    this.#handler.onError(error);
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    this.#handler.onUpgrade(statusCode, headers, socket);
  }
}

/**
 * Calls `fetch` with a signal that follows `callerSignal`. Removes the listener from `callerSignal` at the end of the
 * response body, because undici would remove its own listener only after garbage collection.
 */
function fetchUntilAborted(
  callerSignal: AbortSignal,
  subject: string,
  fetch: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const controller = new AbortController();
  const signal = checkSignal(callerSignal, subject) as AbortSignal;
  const onAbort = (): void => controller.abort(signal.reason);
  const stopListening = (): void => signal.removeEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return fetch(controller.signal).then(
    (response) => {
      if (response.body === null) {
        stopListening();
      } else {
        finished(response.body as never, stopListening);
        abandonedResponses.register(response, stopListening);
      }
      return response;
    },
    (error: unknown) => {
      stopListening();
      throw error;
    },
  );
}

/** Removes the abort listener of a response that is garbage-collected before its body was read. */
const abandonedResponses = new FinalizationRegistry((stopListening: () => void) => stopListening());

function isStreamLike(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !isInMemoryBody(body);
}
