import type { Dispatcher } from 'undici';
import type { Send } from '../core/undici-port.js';
import { checkHandler } from './dispatch-handler-check.js';
import { exceptNames } from './dns-interceptor.js';
import { toRequestHandler } from './handler-v2-adapter.js';
import { undici } from './load-undici.js';

type Interceptor = Dispatcher.DispatcherComposeInterceptor;

/**
 * Creates a dispatcher that sends through a binding. It has no connections of its own, so `close` and `destroy` have no
 * effect.
 * @param origin - origin for a request that states no origin
 */
export function bindingDispatcher(origin: string, send: Send): Dispatcher {
  class BindingDispatcher extends undici().Dispatcher {
    override dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      if (!checkHandler(handler, request)) return false;
      const hasOrigin = request.origin !== undefined && request.origin !== '';
      send(hasOrigin ? request : { ...request, origin }, toRequestHandler(handler));
      return true;
    }

    override compose(interceptors: Interceptor[]): Dispatcher.ComposedDispatcher;
    override compose(...interceptors: Interceptor[]): Dispatcher.ComposedDispatcher;
    override compose(...given: (Interceptor | Interceptor[])[]): Dispatcher.ComposedDispatcher {
      return super.compose(given.flat().map((interceptor) => exceptNames(interceptor, () => true)));
    }

    override close(): Promise<void>;
    override close(callback: () => void): void;
    override close(callback?: () => void): Promise<void> | undefined {
      return end(callback);
    }

    override destroy(error?: Error | null): Promise<void>;
    override destroy(callback: () => void): void;
    override destroy(error: Error | null, callback: () => void): void;
    override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> | undefined {
      return end(typeof error === 'function' ? error : callback);
    }
  }
  return new BindingDispatcher();
}

function end(callback: (() => void) | undefined): Promise<void> | undefined {
  if (callback === undefined) return Promise.resolve();
  queueMicrotask(callback);
  return undefined;
}
