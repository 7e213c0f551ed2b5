import { AsyncLocalStorage } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { ServiceBinding } from '../binding/service-binding.js';
import type { BindingCache } from '../binding/binding-cache.js';
import { checkKind, checkTimeout } from '../binding/bind-config.js';
import { defaults } from './config.js';
import { ClerkError } from '../core/errors.js';
import { nameFromHostname } from '../core/clerk-hostname.js';
import type { RequestHandler } from '../core/transport.js';
import { isInMemoryBody } from '../invoke/request-body.js';
import type { CallOptions } from '../binding/request-options.js';
import { createLruMap } from '../resolve/lru-cache.js';

/** The signature of {@link Clerk.fetch}: `fetch` with the additional options `kind`, `timeoutMs` and `affinity`. */
export type ClerkFetch = (
  input: string | URL | Request,
  init?: RequestInit & Omit<CallOptions, 'signal'>,
) => Promise<Response>;

/** undici's `fetch` function, which sends every request through the dispatcher of the clerk. */
export type UndiciFetch = (input: string | URL | Request, init: RequestInit | undefined) => Promise<Response>;

/** Routes each request for a host under `.clerk` to the binding of the name that the host stands for. */
export class HostRouter {
  readonly #bindings: BindingCache;
  readonly #undiciFetch: UndiciFetch;
  readonly #hosts = createLruMap<HostBinding>(defaults.maxNames, () => undefined);

  constructor(bindings: BindingCache, undiciFetch: UndiciFetch) {
    this.#bindings = bindings;
    this.#undiciFetch = undiciFetch;
  }

  /** Dispatches a request to a host under `.clerk`. Never throws: every failure is passed to the handler. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const origin = String(request.origin);
    let host = this.#hosts.get(origin);
    try {
      if (host === undefined) {
        const url = new URL(origin);
        host = {
          binding: this.#bindings.forName(nameFromHostname(url.hostname, url.port) as string),
          tlsOnly: url.protocol === 'https:',
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
      host.tlsOnly,
    );
  }

  /** Makes a request as `fetch` does. If the call fails, rejects with a `TypeError` whose cause is a `ClerkError`. */
  fetch(
    input: string | URL | Request,
    init: (RequestInit & Omit<CallOptions, 'signal'>) | undefined,
  ): Promise<Response> {
    if (
      init === undefined ||
      (init.kind === undefined && init.timeoutMs === undefined && init.affinity === undefined)
    ) {
      // A factory or policy that runs during a `clerk.fetch` call may call `fetch` itself. This inner call must not
      // inherit the options of the outer call.
      if (callOptions.getStore() === undefined) return this.#undiciFetch(input, init);
      return callOptions.run(undefined, () => this.#undiciFetch(input, init));
    }
    const { kind, timeoutMs, affinity, ...requestInit } = init;
    try {
      const checked = {
        ...(kind && { kind: checkKind(kind, 'clerk.fetch()') }),
        ...(timeoutMs !== undefined && { timeoutMs: checkTimeout(timeoutMs, 'clerk.fetch()') }),
        ...(affinity !== undefined && { affinity }),
        // undici's `fetch` converts the body into a stream, which can be sent only once. A retry needs the original
        // body, so the original body is kept.
        ...(isInMemoryBody(requestInit.body) && { body: requestInit.body }),
      };
      const { origin } = new URL(typeof input === 'object' && 'url' in input ? input.url : input);
      if (!isClerkOrigin(origin)) {
        throw new ClerkError(
          'CONFIG_INVALID',
          `The fetch options kind, timeoutMs and affinity require a host under .clerk; got ${origin}; remove these options, or use a signal instead of timeoutMs`,
        );
      }
      return callOptions.run(checked, () => this.#undiciFetch(input, requestInit));
    } catch (error) {
      return Promise.reject(new TypeError('fetch failed', { cause: error }));
    }
  }
}

/** Whether the host of an origin is under `.clerk`. Uses a regular expression, which is faster than parsing a URL. */
export function isClerkOrigin(origin: string): boolean {
  return /^https?:\/\/(?:[^/?#]*\.)?clerk\.*(?::[0-9]*)?\/?$/.test(origin);
}

interface HostBinding {
  readonly binding: ServiceBinding;
  readonly tlsOnly: boolean;
}

/**
 * Options and original body of one call of `clerk.fetch`. undici's `fetch` would drop the options, so the async context
 * `callOptions` carries the options to the dispatcher.
 */
type FetchOptions = Omit<CallOptions, 'signal'> & { readonly body?: unknown };
const callOptions = new AsyncLocalStorage<FetchOptions | undefined>();

/**
 * Adds the options of `clerk.fetch` to a request that undici's `fetch` dispatches. Also replaces the stream that
 * `fetch` made of the body by the original body, unless a redirect removed the body.
 */
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
