import type { Dispatcher } from 'undici';
import type { Binding } from '../binding/binding.js';
import type { ClerkResponse, RequestOptions } from '../binding/request-options.js';
import type { ClerkEvent } from '../core/events.js';
import type { ListEntry, SearchEntry } from '../core/registry.js';
import type { ClerkListener } from './events.js';
import type { ClerkFetch } from './fetch.js';
import type { NameChange } from './name-watch.js';
import type { BindOptions } from './options.js';
import type { Resolved } from './resolved.js';

/**
 * The client of one registry: binds names to services and calls them. Created by {@link createClerk}.
 *
 * @see [DEC C1](../../docs/background.md#arch-c1)
 */
export interface Clerk extends AsyncDisposable {
  /**
   * An undici dispatcher. Requests to a host under `.clerk` are calls of this clerk; all others go to the `dispatcher`
   * option. Closing it closes the clerk, but never the dispatcher of the other requests.
   */
  readonly dispatcher: Dispatcher;

  /**
   * `fetch` over {@link Clerk.dispatcher}. A host under `.clerk` is a name with its segments reversed:
   * `http://orders.shop.clerk` is `/shop/orders`. Rejects as `fetch` does, with a {@link ClerkError} as the cause.
   */
  readonly fetch: ClerkFetch;

  /**
   * Binds a name. Synchronous and without I/O; the first call looks the name up. A name without a leading `/` is relative
   * to the `root` of the clerk. Bindings of one name share resolution, connections, health and retry budget.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`, `CLERK_CLOSED`
   */
  bind(name: string, options?: BindOptions): Binding;

  /**
   * Makes a request to a path that begins with a name. The longest prefix that is a service is called; the rest is the
   * path within it. Lookups of the prefixes count against the timeout.
   *
   * @param path - name and path in one, for example `/shop/orders/orders/7?full=1`
   * @throws {@link ClerkError} `NAME_NOT_FOUND` when no prefix is a service; else as {@link Binding.request}
   * @see [DEC C6](../../docs/background.md#arch-c6)
   */
  request(path: string, options?: Omit<RequestOptions, 'path'>): Promise<ClerkResponse>;

  /**
   * Looks a name up. Served from the cache while the cached result is fresh.
   *
   * @throws {@link ClerkError} `NAME_NOT_FOUND`, `NAME_INVALID`, `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID`, `ABORTED`,
   *   `CLERK_CLOSED`
   */
  resolve(name: string, options?: { readonly signal?: AbortSignal }): Promise<Resolved>;

  /**
   * Lists the names that match a glob: `*` matches within a segment, `**` any number of segments.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the registry has no `list` method; else as {@link Clerk.resolve}
   */
  list(glob: string, options?: { readonly signal?: AbortSignal }): Promise<readonly ListEntry[]>;

  /**
   * Lists the services that match a glob, each with the endpoints whose zone, host, version or attributes equal the filter.
   *
   * @param filter - for example `{ zone: 'a' }`; `{}` matches all endpoints
   * @throws {@link ClerkError} `CONFIG_INVALID` when the registry has no `search` method; else as {@link Clerk.resolve}
   * @see [Naming N7](../../docs/background.md#n7)
   */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly SearchEntry[]>;

  /**
   * Watches the names that match a glob: first every name as it is, then every change. Ends when the loop is left, the
   * signal aborts or the clerk closes. A slow reader may miss intermediate changes, never the latest state. Does not keep
   * the process alive.
   *
   * @throws {@link ClerkError} `NAME_INVALID`, `CLERK_CLOSED`; the iterator throws `ABORTED` when the signal aborts
   */
  watch(glob: string, options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<NameChange>;

  /**
   * Adds a listener for an event. An error thrown by the listener is logged and has no other effect.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the event does not exist or the listener is not a function
   */
  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /** Adds a listener for the next event of one kind. @throws {@link ClerkError} as {@link Clerk.on} */
  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /** Removes a listener. */
  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /** Same as {@link Clerk.off}; `events.on(clerk, …)` of `node:events` needs this name. */
  removeListener<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /**
   * Rejects new calls with `CLERK_CLOSED`, waits for calls in flight and their bodies, then releases all resources. May be
   * called repeatedly.
   */
  close(): Promise<void>;

  /**
   * Ends everything at once. Calls in flight fail with the given error, or with `CLERK_CLOSED`. May be called repeatedly.
   *
   * @param error - becomes the cause of `CLERK_CLOSED` unless it is a `ClerkError` itself
   */
  destroy(error?: Error | null): Promise<void>;

  /** Same as {@link Clerk.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
