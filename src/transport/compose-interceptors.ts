import type { Dispatcher } from 'undici';
import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { Interceptor } from '../core/interceptors.js';
import type { Send } from '../core/undici-port.js';
import { toDispatchHandler } from './dispatch-handler-adapter.js';
import { toRequestHandler } from './handler-v2-adapter.js';
import { toHeaderRecord } from './header-record.js';

type Dispatch = Dispatcher['dispatch'];

/** Implements `compose` of `UndiciPort`. */
export function composeInterceptors(interceptors: readonly Interceptor[], send: Send): Send {
  let composed: Dispatch = (options, handler) => {
    send(options, toRequestHandler(handler));
    return true;
  };
  for (const interceptor of interceptors) {
    const intercepted: unknown = interceptor(composed);
    if (typeof intercepted !== 'function')
      throw new ClerkError(
        'CONFIG_INVALID',
        `An interceptor must return a dispatch function; got ${describeValue(intercepted)}`,
      );
    composed = (options, handler) => (intercepted as Dispatch)(options, toDispatchHandler(handler));
  }
  return (options, handler) => {
    const headers = toHeaderRecord(options.headers) as Dispatcher.DispatchOptions['headers'];
    composed({ ...options, headers } as Dispatcher.DispatchOptions, toDispatchHandler(handler));
  };
}
