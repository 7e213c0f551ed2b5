import type { Dispatcher } from 'undici';
import { requestOrigin } from '../core/request-origin.js';

/**
 * undici's `dns` interceptor looks up every host, and hosts under `.clerk` are not in DNS. The interceptor is
 * recognized by its source code, which contains this method call even in a minified bundle.
 */
const dnsLookup = '.runLookup(';

/**
 * Wraps undici's `dns` interceptor so that requests to hosts under `.clerk` bypass it. Does not change the effect of
 * any other interceptor.
 */
export function exceptNames(
  interceptor: Dispatcher.DispatcherComposeInterceptor,
  isClerkOrigin: (origin: string) => boolean,
): Dispatcher.DispatcherComposeInterceptor {
  if (typeof interceptor !== 'function') return interceptor;
  return (dispatch) => {
    const intercepted = interceptor(dispatch);
    if (typeof intercepted !== 'function' || !String(intercepted).includes(dnsLookup)) return intercepted;
    return (request, handler) =>
      isClerkOrigin(requestOrigin(request)) ? dispatch(request, handler) : intercepted(request, handler);
  };
}
