import { finished } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ServiceBinding } from '../binding/service-binding.js';
import type { BindingCache } from '../binding/binding-cache.js';
import { checkBoolean, checkKind, checkOverrides, checkTimeout } from '../binding/bind-config.js';
import { defaults } from './config.js';
import { isAbortSignal } from '../core/abort-signal.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { nameFromHostname } from '../core/clerk-hostname.js';
import { releaseBody } from '../core/release-body.js';
import type { RequestHandler } from '../core/transport.js';
import { isInMemoryBody, toUndiciBody } from '../invoke/request-body.js';
import type { CallOptions, RequestOptions } from '../binding/request-options.js';
import { createLruMap } from '../resolve/lru-cache.js';
import { BodyLimit, type EncodedSize } from './body-limit.js';
import { checkSignal } from './option-checks.js';

type FetchCallOptions = Omit<CallOptions, 'signal'> & Pick<RequestOptions, 'totalTimeoutMs'>;

/** `fetch` with the options of a call in `init`. These options require a host under `.clerk`. */
export type ClerkFetch = (
  input: string | URL | Request,
  init?: RequestInit & Omit<CallOptions, 'signal'> & Pick<RequestOptions, 'totalTimeoutMs'>,
) => Promise<Response>;

export type FetchDispatcher = Pick<Dispatcher, 'dispatch'>;

export type UndiciFetch = (
  dispatcher: FetchDispatcher,
  input: string | URL | Request,
  init: RequestInit,
) => Promise<Response>;

export class HostRouter {
  readonly #bindings: BindingCache;
  readonly #hosts = createLruMap<HostBinding>(defaults.maxNames, () => undefined);

  constructor(bindings: BindingCache) {
    this.#bindings = bindings;
  }

  /** Never throws: every error goes to the handler. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const origin = String(request.origin);
    let host = this.#hosts.get(origin);
    try {
      if (host === undefined) {
        const url = new URL(origin);
        host = {
          binding: this.#bindings.forName(nameFromHostname(url.hostname, url.port) as string),
          tlsOnly: url.protocol === 'https:',
        };
        this.#hosts.set(origin, host);
      }
    } catch (error) {
      handler.onConnect(() => undefined);
      handler.onError(error as Error);
      return;
    }
    host.binding.dispatch(request, handler, host.tlsOnly);
  }
}

interface HostBinding {
  readonly binding: ServiceBinding;
  readonly tlsOnly: boolean;
}

/**
 * @param maxResponseSize - limit of bodies that are read whole, in bytes after decoding; may be `Infinity`
 * @param redirects - see `redirects` of the options of `createClerk`
 */
export function createFetch(
  dispatcher: FetchDispatcher,
  undiciFetch: UndiciFetch,
  maxResponseSize: number,
  redirects: 'all' | 'names',
): ClerkFetch {
  const limit = new BodyLimit(maxResponseSize);
  return (input, init) => {
    const {
      kind,
      timeoutMs,
      totalTimeoutMs,
      affinity,
      attemptTimeoutMs,
      retries,
      waitForReady,
      ...requestInit
    } = init ?? {};
    const options = { kind, timeoutMs, totalTimeoutMs, affinity, attemptTimeoutMs, retries, waitForReady };
    const { signal, body } = requestInit;
    try {
      const hasOptions = Object.values(options).some((value) => value !== undefined);
      const call = new CallDispatcher(
        dispatcher,
        hasOptions ? checkFetchOptions(input, options) : undefined,
        body,
        redirects,
      );
      const response = isAbortSignal(signal)
        ? fetchUntilAborted(signal, (own) => undiciFetch(call, input, { ...requestInit, signal: own }))
        : undiciFetch(call, input, requestInit);
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
}

export function isClerkOrigin(origin: string): boolean {
  return /^https?:\/\/(?:[^/?#]*\.)?clerk\.*(?::[0-9]*)?\/?$/i.test(origin);
}

function checkFetchOptions(input: string | URL | Request, options: FetchCallOptions): FetchCallOptions {
  const subject = 'clerk.fetch()';
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
  const { origin } = new URL(typeof input === 'object' && 'url' in input ? input.url : input);
  if (!isClerkOrigin(origin)) {
    const given = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key]));
    throw new ClerkError(
      'CONFIG_INVALID',
      `clerk.fetch(): ${given.join(', ')} ${given.length === 1 ? 'requires' : 'require'} a host under .clerk; got ${origin}; remove ${given.length === 1 ? 'this option' : 'these options'}${timeoutMs === undefined ? '' : ', or use a signal instead of timeoutMs'}`,
    );
  }
  return checked;
}

/** Adds the options and the original body of a call to each request of the call, because `fetch` would drop them. */
class CallDispatcher implements FetchDispatcher, EncodedSize {
  encodedBytes = 0;
  /** Whether the latest request of the call was sent to a host under `.clerk`. */
  isClerkCall = false;
  readonly #dispatcher: FetchDispatcher;
  readonly #options: FetchCallOptions | undefined;
  /**
   * Undefined unless the body is in memory. undici's `fetch` turns a body into a stream, which can be sent only once.
   * A retry therefore needs the original body.
   */
  readonly #originalBody: unknown;
  readonly #redirects: 'all' | 'names';

  constructor(
    dispatcher: FetchDispatcher,
    options: FetchCallOptions | undefined,
    body: unknown,
    redirects: 'all' | 'names',
  ) {
    this.#redirects = redirects;
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#originalBody = isInMemoryBody(body) ? toUndiciBody(body) : undefined;
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // A redirect may lead to a host that is not under `.clerk`.
    const isRedirected = this.isClerkCall;
    this.isClerkCall = isClerkOrigin(String(request.origin));
    if (!this.isClerkCall) {
      if (!isRedirected || this.#redirects === 'all') return this.#dispatcher.dispatch(request, handler);
      queueMicrotask(() =>
        (handler as unknown as RequestHandler).onError(redirectError(String(request.origin))),
      );
      return true;
    }
    this.encodedBytes = 0;
    const counting = new CountingHandler(handler as unknown as RequestHandler, this) as never;
    // A redirect may have removed the body.
    const hasBody = request.body !== null && request.body !== undefined;
    const originalBody = hasBody ? this.#originalBody : undefined;
    if (this.#options === undefined && originalBody === undefined)
      return this.#dispatcher.dispatch(request, counting);
    const body = originalBody ?? request.body;
    return this.#dispatcher.dispatch(
      { ...request, ...this.#options, body } as Dispatcher.DispatchOptions,
      counting,
    );
  }
}

function redirectError(origin: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `clerk.fetch(): a service must redirect only to hosts under .clerk, because the clerk has redirects: 'names'; got ${quote(origin)}; nothing was sent there`,
    { execution: 'done' },
  );
}

/** Counts the received bytes of a response body. */
class CountingHandler implements RequestHandler {
  readonly #handler: RequestHandler;
  readonly #size: EncodedSize;

  constructor(handler: RequestHandler, size: EncodedSize) {
    this.#handler = handler;
    this.#size = size;
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#handler.onConnect(abort, context);
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
 * Removes the listener from `callerSignal` at the end of the response body. A listener of undici would stay until
 * garbage collection.
 */
function fetchUntilAborted(
  callerSignal: AbortSignal,
  fetch: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const controller = new AbortController();
  const signal = checkSignal(callerSignal, 'clerk.fetch()') as AbortSignal;
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

/** For a response that is garbage-collected unread. */
const abandonedResponses = new FinalizationRegistry((stopListening: () => void) => stopListening());

function isStreamLike(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !isInMemoryBody(body);
}
