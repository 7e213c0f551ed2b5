/**
 * An undici dispatcher over any exchange: names under `.clerk` go to whoever is given, everything else passes through
 * untouched.
 */
import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';
import { toRequestHandler } from './handler-v2-adapter.js';
import { globalDispatcher, undici } from './load-undici.js';

/** Takes one request for an origin under `.clerk`; whatever goes wrong arrives at the handler. */
export type ClerkDispatch = (options: Dispatcher.DispatchOptions, handler: RequestHandler) => void;

/** What the dispatcher stands on. */
export interface ClerkDispatcherOptions {
  /** Whether an origin is one of ours. Called for every request; throws never. */
  readonly isClerkOrigin: (origin: string) => boolean;
  readonly dispatch: ClerkDispatch;
  /** Where everything else goes; the global dispatcher if there is none. Never closed by us. */
  readonly fallback: Dispatcher | undefined;
  readonly close: () => Promise<void>;
  readonly destroy: (error: Error | null) => Promise<void>;
}

/** Makes the dispatcher. */
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

/** A promise for those who wait for one, a call for those who gave a callback. */
function settle(promise: Promise<void>, callback: (() => void) | undefined): Promise<void> | undefined {
  if (callback === undefined) return promise;
  void promise.then(callback);
  return undefined;
}
