import type { Dispatcher } from 'undici';

/**
 * An interceptor in undici's form, such as `interceptors.retry()` of undici. Takes the next `dispatch`, and returns a
 * `dispatch` that calls it. The returned `dispatch` may change the request, its handler, or both.
 */
export type Interceptor = (dispatch: Dispatcher['dispatch']) => Dispatcher['dispatch'];

/**
 * Interceptors of HTTP calls. As with undici's `compose`, the last interceptor of a list is the outermost: it gets the
 * request first and the response last. The interceptors of a clerk get the request before the interceptors of a
 * binding.
 *
 * An interceptor must pass the options that it got, or a copy of these options, to the next `dispatch`:
 * `dispatch({ ...options, headers }, handler)`. The headers in the options are always a record. An error that an
 * interceptor throws, or passes to its handler, ends the call or the attempt. The error becomes the cause of the error
 * that the program gets.
 */
export interface Interceptors {
  /**
   * Interceptors that get one dispatch per call of `request`, `json`, `text`, `bytes`, `fetch` or a dispatcher, and one
   * dispatch per endpoint of `gather`. The origin is the name as a host, such as `http://orders.shop.clerk`.
   * `timeoutMs` includes the time of these interceptors. If such an interceptor dispatches a second time, the deadline
   * stays the same. Default: none.
   */
  readonly call?: readonly Interceptor[] | undefined;
  /**
   * Interceptors that get one dispatch per attempt at an endpoint. The origin is the address of the endpoint, such as
   * `http://127.0.0.1:3001`, and must not change. For a Unix socket, the origin is the name as a host. The attempt
   * timeout includes the time of these interceptors. Default: none.
   */
  readonly attempt?: readonly Interceptor[] | undefined;
}
