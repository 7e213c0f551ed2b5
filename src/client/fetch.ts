/**
 * The doors for requests that name a host: a clerk's `fetch`, and what its dispatcher does with hosts under `.clerk`.
 * Whatever goes wrong arrives where undici's own failures do.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { ServiceBinding } from '../binding/service-binding.js';
import type { BindingCache } from '../binding/binding-cache.js';
import { checkKind, checkTimeout } from '../binding/bind-config.js';
import { defaults } from './config.js';
import { ClerkError } from '../core/errors.js';
import { nameFromHostname } from '../core/hostname.js';
import type { RequestHandler } from '../core/transport.js';
import { isInMemoryBody } from '../invoke/request-body.js';
import type { CallOptions } from '../binding/request-options.js';
import { createLruMap } from '../resolve/lru-cache.js';

/** A call of {@link Clerk.fetch}: what `fetch` takes, and what any call may be given. */
export type ClerkFetch = (
  input: string | URL | Request,
  init?: RequestInit & Omit<CallOptions, 'signal'>,
) => Promise<Response>;

/** undici's `fetch`, over the clerk's dispatcher. */
export type UndiciFetch = (input: string | URL | Request, init: RequestInit | undefined) => Promise<Response>;

/** See the file's header. */
export class HostRouter {
  readonly #bindings: BindingCache;
  readonly #undiciFetch: UndiciFetch;
  readonly #hosts = createLruMap<HostBinding>(defaults.maxNames, () => undefined);

  constructor(bindings: BindingCache, undiciFetch: UndiciFetch) {
    this.#bindings = bindings;
    this.#undiciFetch = undiciFetch;
  }

  /** One request for a host under `.clerk`. Never throws: failures go to the handler. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const origin = String(request.origin);
    let host = this.#hosts.get(origin);
    try {
      if (host === undefined) {
        const url = new URL(origin);
        host = {
          binding: this.#bindings.forName(nameFromHostname(url.hostname, url.port) as string),
          secure: url.protocol === 'https:',
        };
        this.#hosts.set(origin, host);
      }
    } catch (error) {
      handler.onConnect(() => undefined);
      handler.onError(error as Error);
      return;
    }
    const perCall = callOptions.getStore();
    host.binding.dispatch(
      perCall === undefined ? request : withOptions(request, perCall),
      handler,
      host.secure,
    );
  }

  /** Rejects as fetch does, a `TypeError` whose cause is the `ClerkError`. */
  fetch(
    input: string | URL | Request,
    init: (RequestInit & Omit<CallOptions, 'signal'>) | undefined,
  ): Promise<Response> {
    if (
      init === undefined ||
      (init.kind === undefined && init.timeoutMs === undefined && init.affinity === undefined)
    ) {
      // A fetch within another call's factory or policy is a call of its own.
      if (callOptions.getStore() === undefined) return this.#undiciFetch(input, init);
      return callOptions.run(undefined, () => this.#undiciFetch(input, init));
    }
    const { kind, timeoutMs, affinity, ...requestInit } = init;
    try {
      const checked = {
        ...(kind && { kind: checkKind(kind) }),
        ...(timeoutMs !== undefined && { timeoutMs: checkTimeout(timeoutMs) }),
        ...(affinity !== undefined && { affinity }),
        // fetch hands its body on as something that can be read once; what it was made of can be read again.
        ...(isInMemoryBody(requestInit.body) && { body: requestInit.body }),
      };
      const { origin } = new URL(typeof input === 'object' && 'url' in input ? input.url : input);
      if (!isClerkOrigin(origin)) {
        throw new ClerkError(
          'CONFIG_INVALID',
          `fetch has ${Object.keys(checked).join(', ')} for ${origin}, which is no .clerk host; use a signal there`,
        );
      }
      return callOptions.run(checked, () => this.#undiciFetch(input, requestInit));
    } catch (error) {
      return Promise.reject(new TypeError('fetch failed', { cause: error }));
    }
  }
}

/** Whether an origin's host is under `.clerk`, without making a URL of it. */
export function isClerkOrigin(origin: string): boolean {
  return /^https?:\/\/(?:[^/?#]*\.)?clerk\.*(?::[0-9]*)?\/?$/.test(origin);
}

interface HostBinding {
  readonly binding: ServiceBinding;
  readonly secure: boolean;
}

/** Options of one `clerk.fetch`, and the body it was given, on their way through undici to our dispatcher. */
type FetchOptions = Omit<CallOptions, 'signal'> & { readonly body?: unknown };
const callOptions = new AsyncLocalStorage<FetchOptions | undefined>();

/** A request as fetch makes it, with what fetch does not know of. A redirect may have taken the body away. */
function withOptions(
  request: Dispatcher.DispatchOptions,
  { body, ...options }: FetchOptions,
): Dispatcher.DispatchOptions {
  const isBodyResent = body !== undefined && request.body !== null && request.body !== undefined;
  return {
    ...request,
    ...options,
    ...(isBodyResent && { body: body as Dispatcher.DispatchOptions['body'] }),
  } as Dispatcher.DispatchOptions;
}
