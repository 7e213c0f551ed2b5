import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';
import { checkHandler, isHandlerObject } from './dispatch-handler-check.js';
import { toRequestHandler } from './handler-v2-adapter.js';
import { exceptNames } from './dns-interceptor.js';
import { globalDispatcher, undici } from './load-undici.js';
import { requestOrigin } from '../core/request-origin.js';

/** Passes every error to `handler.onError`; never throws. */
export type ClerkDispatch = (options: Dispatcher.DispatchOptions, handler: RequestHandler) => void;

export interface ClerkDispatcherOptions {
  /** Called for each request; must not throw. */
  readonly isClerkOrigin: (origin: string) => boolean;
  readonly dispatch: ClerkDispatch;
  /** Dispatcher for all other origins. Default: undici's global dispatcher. The clerk never closes this dispatcher. */
  readonly fallback: Dispatcher | undefined;
  /** The error for requests after `close` or `destroy`; undefined before. */
  readonly closedError: () => Error | undefined;
  readonly isClosed: () => boolean;
  readonly isDestroyed: () => boolean;
  readonly close: () => Promise<void>;
  readonly destroy: (error: Error | null) => Promise<void>;
}

type Interceptor = Dispatcher.DispatcherComposeInterceptor;

/** A dispatcher with the properties of undici's `Agent`. */
export interface ClosableDispatcher extends Dispatcher {
  /** Whether `close` was called. */
  readonly closed: boolean;
  /** Whether `destroy` was called, or `close` has ended. */
  readonly destroyed: boolean;
}

export function clerkDispatcher(options: ClerkDispatcherOptions): ClosableDispatcher {
  const { isClerkOrigin, dispatch } = options;
  const base = undici();
  const fallback = options.fallback ?? globalDispatcher();

  class ClerkDispatcher extends base.Dispatcher {
    get closed(): boolean {
      return options.isClosed();
    }

    get destroyed(): boolean {
      return options.isDestroyed();
    }

    override dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      if (isClerkOrigin(requestOrigin(request))) {
        if (!checkHandler(handler, request)) return false;
        dispatch(request, toRequestHandler(handler));
        return true;
      }
      const closed = options.closedError();
      if (closed === undefined) return fallback.dispatch(withoutDispatcher(request), handler);
      if (!isHandlerObject(handler)) throw closed;
      toRequestHandler(handler).onError(closed);
      return false;
    }

    /** Requests to hosts under `.clerk` bypass undici's `dns` interceptor, because these hosts are not in DNS. */
    override compose(interceptors: Interceptor[]): Dispatcher.ComposedDispatcher;
    override compose(...interceptors: Interceptor[]): Dispatcher.ComposedDispatcher;
    override compose(...given: (Interceptor | Interceptor[])[]): Dispatcher.ComposedDispatcher {
      return super.compose(given.flat().map((interceptor) => exceptNames(interceptor, isClerkOrigin)));
    }

    override close(): Promise<void>;
    override close(callback: () => void): void;
    override close(callback?: () => void): Promise<void> | undefined {
      return settle(options.close(), callback);
    }

    override destroy(error?: Error | null): Promise<void>;
    override destroy(callback: () => void): void;
    override destroy(error: Error | null, callback: () => void): void;
    override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> | undefined {
      if (typeof error === 'function') return settle(options.destroy(null), error);
      return settle(options.destroy(error ?? null), callback);
    }
  }
  return new ClerkDispatcher();
}

/**
 * Removes the option `dispatcher`. undici's `request()` and `stream()` pass this option to the dispatcher, and a
 * dispatcher of undici 8 rejects it.
 */
function withoutDispatcher(request: Dispatcher.DispatchOptions): Dispatcher.DispatchOptions {
  if (!isHandlerObject(request) || !('dispatcher' in request)) return request;
  const { dispatcher: _passedOn, ...others } = request as typeof request & { readonly dispatcher: unknown };
  return others;
}

/** As in undici, a callback receives the error. */
function settle(
  promise: Promise<void>,
  callback: ((error: unknown) => void) | undefined,
): Promise<void> | undefined {
  if (callback === undefined) return promise;
  promise.then(() => callback(null), callback);
  return undefined;
}
