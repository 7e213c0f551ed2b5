/**
 * An undici dispatcher over any exchange: names under `.clerk` go to whoever is given, everything else passes through
 * untouched. Also `fetch`, `request` and the handler forms of undici, so that this folder alone knows them.
 */
import type { Dispatcher } from 'undici';
import type { WireHandler } from '../core/transport.js';
import { currentGlobalDispatcher, undici } from './undici.js';

/** Takes one request for an origin under `.clerk`; whatever goes wrong arrives at the handler. */
export type ClerkDispatch = (options: Dispatcher.DispatchOptions, handler: WireHandler) => void;

/** What the dispatcher stands on. */
export interface ClerkDispatcherOptions {
  /** Whether an origin is one of ours. Called for every request; throws never. */
  readonly isOurs: (origin: string) => boolean;
  readonly dispatch: ClerkDispatch;
  /** Where everything else goes; the global dispatcher if there is none. Never closed by us. */
  readonly passTo: Dispatcher | undefined;
  readonly close: () => Promise<void>;
  readonly destroy: (error: Error | null) => Promise<void>;
}

/** What undici calls, in its old form or its new one. */
type AnyHandler = Dispatcher.DispatchHandler;

/** Makes the dispatcher. */
export function clerkDispatcher(options: ClerkDispatcherOptions): Dispatcher {
  const { isOurs, dispatch } = options;
  const base = undici();
  const passTo = options.passTo ?? currentGlobalDispatcher();

  class ClerkDispatcher extends base.Dispatcher {
    override dispatch(request: Dispatcher.DispatchOptions, handler: AnyHandler): boolean {
      const { origin } = request;
      if (!isOurs(typeof origin === 'string' ? origin : (origin?.origin ?? ''))) {
        return (passTo ?? (currentGlobalDispatcher() as Dispatcher)).dispatch(request, handler);
      }
      dispatch(request, asWireHandler(handler));
      return true;
    }

    override close(callback?: () => void): Promise<void> & void {
      return settle(options.close(), callback) as Promise<void> & void;
    }

    override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> & void {
      const reason = typeof error === 'function' || error === undefined ? null : error;
      return settle(options.destroy(reason), typeof error === 'function' ? error : callback) as Promise<void> & void;
    }
  }
  return new ClerkDispatcher();
}

function settle(promise: Promise<void>, callback: (() => void) | undefined): Promise<void> {
  if (callback) void promise.then(callback);
  return promise;
}

/** What undici's own `request` gives back, or its failure. */
export type ResponseCallback = (error: Error | null, data: Dispatcher.ResponseData | undefined) => void;

/**
 * undici's `request` over anything that can dispatch: its checks, its handler and its body are what programs know.
 *
 * @param target - the `this` of undici's method; only its `dispatch` is used
 */
export function requestOver(target: { dispatch(options: Dispatcher.DispatchOptions, handler: AnyHandler): boolean }, options: Dispatcher.RequestOptions, callback: ResponseCallback): void {
  requestMethod ??= undici().Dispatcher.prototype.request as unknown as typeof requestMethod;
  (requestMethod as NonNullable<typeof requestMethod>).call(target, options, callback);
}

let requestMethod: ((this: object, options: Dispatcher.RequestOptions, callback: ResponseCallback) => void) | undefined;

/** undici's `fetch` over a dispatcher. */
export function fetchOver(dispatcher: Dispatcher, input: unknown, init: object | undefined): Promise<Response> {
  const fetch = undici().fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  return fetch(input, { ...init, dispatcher });
}

/** undici's newer handlers, which Node 26 sends, made to look like the older ones; those pass as they are. */
export function asWireHandler(handler: AnyHandler): WireHandler {
  return typeof handler.onRequestStart === 'function' ? new NewerHandler(handler) : (handler as unknown as WireHandler);
}

class Controller implements Dispatcher.DispatchController {
  aborted = false;
  reason: Error | null = null;
  paused = false;
  rawHeaders: Buffer[] | string[] | null = null;
  rawTrailers: Buffer[] | string[] | null = null;
  resumeBody: (() => void) | undefined;
  readonly #abort: (reason?: Error) => void;

  constructor(abort: (reason?: Error) => void) {
    this.#abort = abort;
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#abort(reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.resumeBody?.();
  }
}

class NewerHandler implements WireHandler {
  readonly #handler: AnyHandler;
  #controller = new Controller(() => undefined);

  constructor(handler: AnyHandler) {
    this.#handler = handler;
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#controller = new Controller(abort);
    this.#handler.onRequestStart?.(this.#controller, context);
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    this.#controller.resumeBody = resume;
    this.#controller.rawHeaders = headers;
    this.#handler.onResponseStart?.(this.#controller, statusCode, undici().util.parseHeaders(headers), statusText);
    return !this.#controller.paused;
  }

  onData(chunk: Buffer): boolean {
    this.#handler.onResponseData?.(this.#controller, chunk);
    return !this.#controller.paused;
  }

  onComplete(trailers: string[] | null): void {
    this.#controller.rawTrailers = trailers;
    this.#handler.onResponseEnd?.(this.#controller, trailers ? undici().util.parseHeaders(trailers as unknown as Buffer[]) : {});
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    this.#controller.rawHeaders = headers;
    this.#handler.onRequestUpgrade?.(this.#controller, statusCode, headers ? undici().util.parseHeaders(headers as Buffer[]) : {}, socket as import('node:stream').Duplex);
  }

  onError(error: Error): void {
    this.#handler.onResponseError?.(this.#controller, error);
  }
}
