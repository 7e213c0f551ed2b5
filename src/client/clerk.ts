/**
 * What a program holds. The clerk's face does nothing itself: it asks its parts, and closes them in order. Closing waits
 * for calls in flight, destroying cuts them, and both are safe to do twice.
 */
import type { Dispatcher } from 'undici';
import type { Binding } from '../binding/binding.js';
import type { BindingCache } from '../binding/binding-cache.js';
import type { ClerkConfig } from './config.js';
import type { BindOptions } from './options.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import type { ClerkEvent } from '../core/events.js';
import type { ListEntry, SearchEntry } from '../core/registry.js';
import type { RegistryQueries } from './registry-queries.js';
import type { ClerkFetch } from './fetch.js';
import { ClerkEvents, type ClerkListener } from './events.js';
import { clerkClosedError, type InFlightCalls } from './call-tracker.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';
import { splitPath } from './path-prefixes.js';
import type { ClerkResponse, RequestOptions } from '../binding/request-options.js';
import type { LastKnownGood } from '../resolve/last-known-good.js';
import type { Resolved } from './resolved.js';
import type { NameChange } from './name-watch.js';

/** What a clerk is made of. */
export interface ClerkDependencies {
  readonly config: ClerkConfig;
  readonly events: ClerkEvents;
  readonly callTracker: InFlightCalls;
  readonly timerWheel: TimerWheel;
  readonly bindings: BindingCache;
  readonly queries: RegistryQueries;
  readonly lastKnownGood: LastKnownGood;
  readonly dispatcher: Dispatcher;
  readonly fetch: ClerkFetch;
  /** Everything that is under way listens to its signal. */
  readonly controller: AbortController;
  /** Closes the registry, and whatever else was opened for the clerk. Called once. */
  readonly release: () => Promise<void>;
}

/** A clerk. Made by {@link createClerk}. @see "A Distributed Systems Architecture for the 1990's" C1 */
export class Clerk implements AsyncDisposable {
  /**
   * An undici dispatcher: requests for a host under `.clerk` are calls of this clerk, all others pass through. Closing
   * it closes the clerk, never what the others pass to.
   */
  readonly dispatcher: Dispatcher;
  /** `fetch` whose hosts under `.clerk` are names read backwards. Rejects as `fetch` does; the cause is a {@link ClerkError}. */
  readonly fetch: ClerkFetch;
  readonly #dependencies: ClerkDependencies;
  #closing: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  /** @internal */
  constructor(dependencies: ClerkDependencies) {
    this.#dependencies = dependencies;
    this.dispatcher = dependencies.dispatcher;
    this.fetch = dependencies.fetch;
  }

  /**
   * Binds a name. Synchronous and without I/O: the first call looks up. A name without a leading `/` is put behind the
   * clerk's root. Bindings of one name share what is known of it.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`, `CLERK_CLOSED`
   */
  bind(name: string, options: BindOptions = {}): Binding {
    return this.#dependencies.bindings.bind(name, options);
  }

  /**
   * Requests by a longer path: the longest prefix that is a service is called, the rest is the path within it.
   *
   * @param path - name and path in one: `/shop/orders/orders/7?full=1`
   * @throws {@link ClerkError} `NAME_NOT_FOUND` when no prefix is a service
   * @see "A Distributed Systems Architecture for the 1990's" C6 (junction)
   */
  async request(path: string, options: Omit<RequestOptions, 'path'> = {}): Promise<ClerkResponse> {
    const { names, remainder } = splitPath(path, this.#dependencies.config.root);
    const { queries, bindings } = this.#dependencies;
    const { resolutions, durationMs } = await queries.lookupWithin(path, names, options);
    const boundIndex = resolutions.findIndex((answer) => answer.kind === 'bound');
    if (boundIndex < 0)
      throw new ClerkError(
        'NAME_NOT_FOUND',
        `No beginning of '${path}' is a service that the registry knows`,
      );
    return bindings
      .forName(names[boundIndex] as string)
      .requestAfterLookup(durationMs, { ...options, path: remainder(boundIndex) });
  }

  /** Looks a name up, from memory while that may be trusted. @throws {@link ClerkError} `NAME_NOT_FOUND`, `REGISTRY_UNREACHABLE` … */
  resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Resolved> {
    return this.#dependencies.queries.resolve(name, options.signal);
  }

  /** Lists the names that a glob fits: `*` within a segment, `**` over any number of them. */
  list(glob: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly ListEntry[]> {
    return this.#dependencies.queries.list(glob, options.signal);
  }

  /** Lists services with those of their endpoints whose zone, host, version or attributes equal the filter's. @see Naming N7 */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly SearchEntry[]> {
    return this.#dependencies.queries.search(glob, filter, options.signal);
  }

  /**
   * Follows the names that a glob fits: first everything as it is, then every change, until the loop is left, the
   * signal aborts or the clerk is closed. Never keeps the process alive.
   */
  watch(glob: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<NameChange> {
    this.#dependencies.callTracker.assertOpen();
    return this.#dependencies.queries.watch(glob, options.signal);
  }

  /** Calls `listener` for every event of that kind. A listener that throws is logged and changes nothing. */
  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#dependencies.events.on(checkListener(event, listener), listener, false);
    return this;
  }

  /** Calls `listener` for the next event of that kind. */
  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#dependencies.events.on(checkListener(event, listener), listener, true);
    return this;
  }

  /** Stops calling `listener`. */
  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#dependencies.events.off(event, listener);
    return this;
  }

  /** Node's word for {@link Clerk.off}, so that `events.on(clerk, …)` works. */
  removeListener<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    return this.off(event, listener);
  }

  /** Takes no new calls, waits for those in flight and their bodies, then lets go of everything. Idempotent. */
  close(): Promise<void> {
    this.#dependencies.callTracker.close();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Cuts everything at once: calls in flight fail with `CLERK_CLOSED` or the given error. Idempotent. */
  async destroy(error?: Error | null): Promise<void> {
    const { bindings, callTracker, timerWheel } = this.#dependencies;
    const reason = error ?? new ClerkError('CLERK_CLOSED', 'The clerk was destroyed while the call was in flight');
    callTracker.close();
    this.#closing ??= Promise.resolve();
    timerWheel.abortAll(
      isClerkError(reason)
        ? reason
        : new ClerkError('CLERK_CLOSED', `The clerk was destroyed: ${reason.message}`, { cause: reason }),
    );
    this.#abortPending();
    await bindings.destroy(reason);
    callTracker.stopWaiting();
    await this.#release();
  }

  /** As {@link Clerk.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { bindings, controller, callTracker } = this.#dependencies;
    if (callTracker.isBusy) await callTracker.whenIdle();
    if (controller.signal.aborted) return;
    this.#abortPending();
    await bindings.close();
    await this.#release();
  }

  /** Once, whoever closes first and however often. */
  #release(): Promise<void> {
    this.#released ??= this.#dependencies.release();
    return this.#released;
  }

  #abortPending(): void {
    const { controller, lastKnownGood, timerWheel } = this.#dependencies;
    controller.abort(clerkClosedError());
    lastKnownGood.stop();
    timerWheel.abortAll(clerkClosedError());
  }
}

function checkListener<E extends ClerkEvent>(event: E, listener: unknown): E {
  if (typeof listener !== 'function') {
    throw new ClerkError('CONFIG_INVALID', `The listener for '${event}' is no function`);
  }
  // node:events adds a listener for 'error' beside every other one.
  if (ClerkEvents.has(event) || (event as string) === 'error') return event;
  throw new ClerkError(
    'CONFIG_INVALID',
    `There is no event '${event as string}'; there are ${ClerkEvents.names.join(', ')}`,
  );
}
