import type { Dispatcher } from 'undici';
import type { ClerkContext } from '../client/clerk-context.js';
import { createFetch, isClerkOrigin, type ClerkFetch } from '../client/fetch.js';
import { nameFromHostname } from '../core/clerk-hostname.js';
import { quote } from '../core/describe-value.js';
import { ClerkError, configError } from '../core/errors.js';
import type { RequestHandler } from '../core/transport.js';
import { requestOrigin } from '../core/request-origin.js';
import { ClerkOrigins } from './clerk-origins.js';

export interface BoundTarget {
  readonly name: string;
  /** @param tlsOnly - whether only endpoints with a TLS address qualify */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler, tlsOnly: boolean): void;
}

/**
 * `dispatcher` and `fetch` of one binding. A request to a host that does not belong to the name of the binding fails.
 * Only a redirect that `fetch` follows may lead to another host.
 */
export class BoundClient {
  readonly #target: BoundTarget;
  readonly #clerk: ClerkContext;
  readonly #origins: ClerkOrigins;
  #dispatcher: Dispatcher | undefined;
  #fetch: ClerkFetch | undefined;

  constructor(target: BoundTarget, clerk: ClerkContext) {
    this.#target = target;
    this.#clerk = clerk;
    this.#origins = new ClerkOrigins(target.name);
  }

  get dispatcher(): Dispatcher {
    return (this.#dispatcher ??= this.#createDispatcher('binding.dispatcher'));
  }

  get fetch(): ClerkFetch {
    return (this.#fetch ??= this.#createFetch());
  }

  #createDispatcher(subject: string): Dispatcher {
    return this.#clerk.undici.createDispatcher(this.#origins.http, (request, handler) =>
      this.#dispatch(request, handler, subject),
    );
  }

  #createFetch(): ClerkFetch {
    const subject = 'binding.fetch()';
    const { config, undici, dispatcher } = this.#clerk;
    const own = this.#createDispatcher(subject);
    return createFetch({
      dispatcher: own,
      redirected: {
        dispatch: (request, handler) =>
          (this.#origins.includes(requestOrigin(request)) ? own : dispatcher()).dispatch(request, handler),
      },
      subject,
      base: this.#origins.http,
      undiciFetch: (...args) => undici.fetch(...args),
      maxResponseSize: config.maxResponseSize,
      redirects: config.redirects,
      clock: this.#clerk.clock,
    });
  }

  #dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler, subject: string): void {
    const origin = requestOrigin(request);
    if (this.#origins.includes(origin)) {
      this.#target.dispatch(request, handler, origin === this.#origins.https);
      return;
    }
    handler.onConnect(() => undefined);
    handler.onError(this.#otherOriginError(origin, subject));
  }

  #otherOriginError(origin: string, subject: string): Error {
    const { name } = this.#target;
    const expected = `${subject} of ${name} sends requests only to ${this.#origins.http} and ${this.#origins.https}; got ${quote(origin)}`;
    if (!isClerkOrigin(origin)) return configError(`${expected}; use clerk.fetch() or clerk.dispatcher`);
    try {
      const { hostname, port } = new URL(origin);
      const other = nameFromHostname(hostname, port) as string;
      return new ClerkError('NAME_MISMATCH', `${expected}; use the binding of ${other}`);
    } catch (error) {
      return error as Error;
    }
  }
}
