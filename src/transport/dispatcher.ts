import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';
import { toRequestHandler } from './handler-v2-adapter.js';
import { globalDispatcher, undici } from './load-undici.js';

/** Passes every error to `handler.onError`; never throws. */
export type ClerkDispatch = (options: Dispatcher.DispatchOptions, handler: RequestHandler) => void;

export interface ClerkDispatcherOptions {
  /** Called for each request; must not throw. */
  readonly isClerkOrigin: (origin: string) => boolean;
  readonly dispatch: ClerkDispatch;
  /** By default undici's global dispatcher. The clerk never closes this dispatcher. */
  readonly fallback: Dispatcher | undefined;
  readonly close: () => Promise<void>;
  readonly destroy: (error: Error | null) => Promise<void>;
}

export function clerkDispatcher(options: ClerkDispatcherOptions): Dispatcher {
  const { isClerkOrigin, dispatch } = options;
  const base = undici();
  const fallback = options.fallback ?? globalDispatcher();

  class ClerkDispatcher extends base.Dispatcher {
    override dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      const { origin } = request;
      if (!isClerkOrigin(typeof origin === 'string' ? origin : (origin?.origin ?? ''))) {
        return fallback.dispatch(request, handler);
      }
      dispatch(request, toRequestHandler(handler));
      return true;
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

/** As in undici, a callback receives the error. */
function settle(
  promise: Promise<void>,
  callback: ((error: unknown) => void) | undefined,
): Promise<void> | undefined {
  if (callback === undefined) return promise;
  promise.then(() => callback(null), callback);
  return undefined;
}
