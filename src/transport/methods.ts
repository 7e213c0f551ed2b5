/** undici's own `request` and `fetch`, over whatever can dispatch: their checks and bodies are what programs know. */
import type { Dispatcher } from 'undici';
import { ownRequest } from './foreign.js';
import { undici } from './undici.js';

/** What undici's own `request` gives back, or its failure. */
export type ResponseCallback = (error: Error | null, data: Dispatcher.ResponseData | undefined) => void;

/**
 * undici's `request` over anything that can dispatch: its checks, its handler and its body are what programs know.
 *
 * @param target - the `this` of undici's method; only its `dispatch` is used
 */
export function requestOver(
  target: { dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean },
  options: Dispatcher.RequestOptions,
  callback: ResponseCallback,
): void {
  requestMethod ??= Reflect.get(undici().Dispatcher.prototype, 'request') as unknown as RequestMethod;
  requestMethod.call(target, options, callback);
}

type RequestMethod = (this: object, options: Dispatcher.RequestOptions, callback: ResponseCallback) => void;
let requestMethod: RequestMethod | undefined;

/** undici's `fetch` over a dispatcher. */
export function fetchOver(
  dispatcher: Dispatcher,
  input: unknown,
  init: object | undefined,
): Promise<Response> {
  const fetch = undici().fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  const own = ownRequest(input, init);
  return fetch(own.input, { ...own.init, dispatcher });
}
