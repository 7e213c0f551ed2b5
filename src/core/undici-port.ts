import type { Dispatcher } from 'undici';
import type { Interceptor } from './interceptors.js';
import type { Channel, RequestHandler } from './transport.js';

/** Dispatches one request. Passes every error to the handler; never throws. */
export type Send = (options: Dispatcher.DispatchOptions, handler: RequestHandler) => void;

/** Port to the functions of undici that a binding uses. */
export interface UndiciPort {
  /**
   * @param isGiven - whether the program passed `dispatcher`. If false, the dispatcher of an undici `Request` is used
   * in its place.
   */
  fetch(
    dispatcher: Pick<Dispatcher, 'dispatch'>,
    input: string | URL | Request,
    init: RequestInit,
    isGiven: boolean,
  ): Promise<Response>;
  /** Creates the error of undici for an abort without a reason. */
  readonly createAbortError: () => Error;
  /**
   * Returns a dispatcher whose `close` and `destroy` have no effect.
   * @param origin - origin of a request that states no origin
   */
  createDispatcher(origin: string, send: Send): Dispatcher;
  /**
   * Composes interceptors as undici's `compose` does: the last interceptor is the outermost. Every interceptor gets
   * headers as a record, and a handler of undici's newer interface (`onRequestStart`). The result may throw what an
   * interceptor throws.
   * @throws {@link ClerkError} `CONFIG_INVALID` when an interceptor returns no function
   */
  compose(interceptors: readonly Interceptor[], send: Send): Send;
  /** @param authority - host in the origin of requests over a Unix socket */
  interceptChannel(channel: Channel, authority: string, interceptors: readonly Interceptor[]): Channel;
}
