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
 * A client that looks names up in a registry and calls their services. Created by {@link createClerk}.
 *
 * @see [DEC C1](../../docs/background.md#arch-c1)
 */
export interface Clerk extends AsyncDisposable {
  /**
   * An undici dispatcher. A request to a host under `.clerk` becomes a call of this clerk. Every other request goes
   * to the dispatcher in the option `dispatcher` of {@link createClerk}. Closing `clerk.dispatcher` closes the clerk,
   * but not the dispatcher of the option. A closed `clerk.dispatcher` rejects all requests, even requests to hosts that
   * are not under `.clerk`.
   */
  readonly dispatcher: Dispatcher & {
    /** Whether the dispatcher was closed. */
    readonly closed: boolean;
    /** Whether the dispatcher was destroyed, or has finished closing. */
    readonly destroyed: boolean;
  };

  /**
   * `fetch` of the implied binding of a name, which {@link Clerk.bind} creates without options. A host under `.clerk`
   * is called through the implied binding. Any other host is called as by {@link Clerk.dispatcher}. For options, use
   * {@link Binding.fetch}.
   *
   * A host under `.clerk` has the segments of a name in reverse order: `http://orders.shop.clerk` calls
   * `/shop/orders`. A failed call rejects with a `TypeError`, as `fetch` does. The cause of the `TypeError` is a
   * {@link ClerkError}.
   */
  readonly fetch: ClerkFetch;

  /**
   * Creates a binding for a name, without I/O. The first call of the binding looks the name up. A name without a
   * leading `/` is relative to the `root` of the clerk.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`, `CLERK_CLOSED`
   */
  bind(name: string, options?: BindOptions): Binding;

  /**
   * Makes a request to a path that begins with the name of a service. The longest prefix that names a service is
   * used. The lookup counts against the timeout of the call.
   *
   * @param path - the name of a service followed by the path within the service, for example
   * `/shop/orders/orders/7?full=1`
   * @throws {@link ClerkError} `NAME_NOT_FOUND` when no prefix names a service; otherwise as {@link Binding.request}
   * @see [DEC C6](../../docs/background.md#arch-c6)
   */
  request(path: string, options?: Omit<RequestOptions, 'path'>): Promise<ClerkResponse>;

  /**
   * Looks a name up, or returns a cached result that has not expired.
   *
   * @throws {@link ClerkError} `NAME_NOT_FOUND`, `NAME_INVALID`, `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID`,
   * `CONFIG_INVALID`, `ABORTED`, `CLERK_CLOSED`
   */
  resolve(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<Resolved>;

  /**
   * Lists the names that match a glob: `*` matches within one segment, `**` matches any number of segments.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the registry has no `list` method; otherwise as
   *   {@link Clerk.resolve}
   */
  list(glob: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly ListEntry[]>;

  /**
   * Lists the services whose names match a glob, each with the endpoints that match a filter.
   *
   * @param filter - required values of `zone`, `host`, `version` or attributes, for example `{ zone: 'a' }`; `{}`
   *   matches all endpoints
   * @throws {@link ClerkError} `CONFIG_INVALID` when the registry has no `search` method; otherwise as {@link
   *   Clerk.resolve}
   * @see [Naming N7](../../docs/background.md#n7)
   */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<readonly SearchEntry[]>;

  /**
   * Watches the names that match a glob. Yields the current state of every matching name, then every change. Ends
   * when the program leaves the loop or the clerk closes. A slow reader may miss intermediate changes, and always
   * receives the latest state of each name. A watch does not keep the process alive.
   *
   * @throws {@link ClerkError} `NAME_INVALID`, `CONFIG_INVALID`, `CLERK_CLOSED`; the iterator throws `ABORTED` when the
   * signal aborts, and `REGISTRY_UNREACHABLE` when the registry cannot start the watch
   */
  watch(
    glob: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): AsyncIterableIterator<NameChange>;

  /**
   * Adds a listener. An error that the listener throws is logged, and so is the rejection of an async listener.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when no event with this name exists or the listener is not a function
   */
  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /** Adds a listener that is called at most once. @throws {@link ClerkError} as {@link Clerk.on} */
  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /** Removes a listener. */
  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /** Same as {@link Clerk.off}, for `events.on(clerk, …)` of `node:events`. */
  removeListener<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this;

  /**
   * Closes the clerk: rejects new calls with `CLERK_CLOSED`, waits for the end of calls in flight and their response
   * bodies, then releases all resources. After the `closeTimeoutMs` of {@link createClerk}, fails the remaining calls
   * and response bodies. May be called repeatedly. Rejects if the registry fails to close, after all other resources
   * are released.
   */
  close(): Promise<void>;

  /**
   * Closes the clerk without waiting for calls in flight. Waits at most 1 s for the registry to close. May be called
   * repeatedly. Rejects as {@link Clerk.close} does.
   *
   * @param error - error with which the calls in flight fail. An error that is not a `ClerkError` becomes the cause
   * of a `CLERK_CLOSED` error. Default: an error with the code `CLERK_CLOSED`
   */
  destroy(error?: Error | null): Promise<void>;

  /** Same as {@link Clerk.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
