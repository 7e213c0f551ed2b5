/**
 * What a program holds. The clerk's face does nothing itself: it asks its parts, and closes them in order. Closing waits
 * for calls in flight, destroying cuts them, and both are safe to do twice.
 */
import type { Dispatcher } from 'undici';
import type { Binding } from './binding.js';
import type { Bindings } from './bindings.js';
import type { Config } from './config.js';
import type { BindOptions } from './options.js';
import { ClerkError, isClerkError } from './core/errors.js';
import type { ClerkEvent } from './core/events.js';
import type { ListEntry, SearchEntry } from './core/registry.js';
import type { Directory } from './directory.js';
import type { ClerkFetch } from './doors.js';
import { Events, type ClerkListener } from './events.js';
import { closed, type CountingGate } from './gate.js';
import type { Wheel } from './invoke/wheel.js';
import { junction } from './junction.js';
import type { Reply, RequestOptions } from './request.js';
import type { LastKnownGood } from './resolve/last-known-good.js';
import type { Resolved } from './resolved.js';
import type { Change } from './watch.js';

/** What a clerk is made of. */
export interface ClerkParts {
  readonly config: Config;
  readonly events: Events;
  readonly gate: CountingGate;
  readonly wheel: Wheel;
  readonly bindings: Bindings;
  readonly directory: Directory;
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
  readonly #parts: ClerkParts;
  #closing: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  /** @internal */
  constructor(parts: ClerkParts) {
    this.#parts = parts;
    this.dispatcher = parts.dispatcher;
    this.fetch = parts.fetch;
  }

  /**
   * Binds a name. Synchronous and without I/O: the first call looks up. A name without a leading `/` is put behind the
   * clerk's root. Bindings of one name share what is known of it.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`, `CLOSED`
   */
  bind(name: string, options: BindOptions = {}): Binding {
    return this.#parts.bindings.bind(name, options);
  }

  /**
   * Requests by a longer path: the longest prefix that is a service is called, the rest is the path within it.
   *
   * @param path - name and path in one: `/shop/orders/orders/7?full=1`
   * @throws {@link ClerkError} `NAME_NOT_FOUND` when no prefix is a service
   * @see "A Distributed Systems Architecture for the 1990's" C6 (junction)
   */
  async request(path: string, options: Omit<RequestOptions, 'path'> = {}): Promise<Reply> {
    const { names, rest } = junction(path, this.#parts.config.root);
    const { directory, bindings } = this.#parts;
    const { answers, ms } = await directory.answersFor(path, names, options);
    const found = answers.findIndex((answer) => answer.kind === 'bound');
    if (found < 0)
      throw new ClerkError(
        'NAME_NOT_FOUND',
        `No beginning of '${path}' is a service that the registry knows`,
      );
    return bindings.implied(names[found] as string).requestAfter(ms, { ...options, path: rest(found) });
  }

  /** Looks a name up, from memory while that may be trusted. @throws {@link ClerkError} `NAME_NOT_FOUND`, `REGISTRY_UNREACHABLE` … */
  resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Resolved> {
    return this.#parts.directory.resolve(name, options.signal);
  }

  /** Lists the names that a glob fits: `*` within a segment, `**` over any number of them. */
  list(glob: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly ListEntry[]> {
    return this.#parts.directory.list(glob, options.signal);
  }

  /** Lists services with those of their endpoints whose zone, host, version or attributes equal the filter's. @see Naming N7 */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly SearchEntry[]> {
    return this.#parts.directory.search(glob, filter, options.signal);
  }

  /**
   * Follows the names that a glob fits: first everything as it is, then every change, until the loop is left, the
   * signal aborts or the clerk is closed. Never keeps the process alive.
   */
  watch(glob: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Change> {
    this.#parts.gate.check();
    return this.#parts.directory.watch(glob, options.signal);
  }

  /** Calls `listener` for every event of that kind. A listener that throws is logged and changes nothing. */
  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#parts.events.on(checkedEvent(event, listener), listener, false);
    return this;
  }

  /** Calls `listener` for the next event of that kind. */
  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#parts.events.on(checkedEvent(event, listener), listener, true);
    return this;
  }

  /** Stops calling `listener`. */
  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#parts.events.off(event, listener);
    return this;
  }

  /** Node's word for {@link Clerk.off}, so that `events.on(clerk, …)` works. */
  removeListener<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    return this.off(event, listener);
  }

  /** Takes no new calls, waits for those in flight and their bodies, then lets go of everything. Idempotent. */
  close(): Promise<void> {
    this.#parts.gate.shut();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Cuts everything at once: calls in flight fail with `CLOSED` or the given error. Idempotent. */
  async destroy(error?: Error | null): Promise<void> {
    const { bindings, gate, wheel } = this.#parts;
    const reason = error ?? new ClerkError('CLOSED', 'The clerk was destroyed while the call was in flight');
    gate.shut();
    this.#closing ??= Promise.resolve();
    wheel.stop(
      isClerkError(reason)
        ? reason
        : new ClerkError('CLOSED', `The clerk was destroyed: ${reason.message}`, { cause: reason }),
    );
    this.#stop();
    await bindings.destroy(reason);
    gate.abandon();
    await this.#release();
  }

  /** As {@link Clerk.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { bindings, controller, gate } = this.#parts;
    if (gate.busy) await gate.quiet();
    if (controller.signal.aborted) return;
    this.#stop();
    await bindings.close();
    await this.#release();
  }

  /** Once, whoever closes first and however often. */
  #release(): Promise<void> {
    this.#released ??= this.#parts.release();
    return this.#released;
  }

  #stop(): void {
    const { controller, lastKnownGood, wheel } = this.#parts;
    controller.abort(closed());
    lastKnownGood.stop();
    wheel.stop(closed());
  }
}

function checkedEvent<E extends ClerkEvent>(event: E, listener: unknown): E {
  if (typeof listener !== 'function') {
    throw new ClerkError('CONFIG_INVALID', `The listener for '${event}' is no function`);
  }
  // node:events adds a listener for 'error' beside every other one.
  if (Events.has(event) || (event as string) === 'error') return event;
  throw new ClerkError(
    'CONFIG_INVALID',
    `There is no event '${event as string}'; there are ${Events.names.join(', ')}`,
  );
}
