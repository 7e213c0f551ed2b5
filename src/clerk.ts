/** The composition root: makes a clerk out of its parts, and is the only file that sees all of them. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import type { Dispatcher } from 'undici';
import { Binding } from './binding.js';
import {
  bindConfigOf,
  configOf,
  defaults,
  kindOf,
  timeoutOf,
  type BindOptions,
  type ClerkOptions,
  type Config,
} from './config.js';
import { isFresh, type Answer } from './core/answer.js';
import { ClerkError, isClerkError } from './core/errors.js';
import type { ClerkEvent } from './core/events.js';
import { nameOfHost } from './core/host.js';
import type { ListEntry, SearchEntry } from './core/registry.js';
import type { WireHandler } from './core/transport.js';
import { Directory } from './directory.js';
import { Events, type ClerkListener } from './events.js';
import { isPlainBody } from './invoke/body.js';
import { retry } from './invoke/retry.js';
import { Wheel } from './invoke/wheel.js';
import { asRegistry } from './registry/static.js';
import { Cached } from './resolve/cached.js';
import { checking } from './resolve/checking.js';
import { LastKnownGood } from './resolve/last-known-good.js';
import { recentlyUsed, type RecentlyUsed } from './resolve/lru.js';
import type { CallOptions, Reply, RequestOptions } from './request.js';
import type { Resolved } from './resolved.js';
import { junction } from './junction.js';
import type { Gate, Shared } from './shared.js';
import { clockOf, defaultLogger } from './surroundings.js';
import { BindingSite } from './site.js';
import { Target } from './target.js';
import { clerkDispatcher } from './transport/dispatcher.js';
import { fetchOver } from './transport/methods.js';
import { systemTransport } from './transport/system.js';
import type { Change } from './watch.js';

/** A call of {@link Clerk.fetch}: what `fetch` takes, and what any call may be given. */
export type ClerkFetch = (
  input: string | URL | Request,
  init?: RequestInit & Omit<CallOptions, 'signal'>,
) => Promise<Response>;

/**
 * Makes a clerk: what a program calls other programs through, by name.
 *
 * @example
 * ```ts
 * const clerk = createClerk({ registry: { '/shop/orders': ['http://127.0.0.1:3001', 'http://127.0.0.1:3002'] } });
 * const order = await clerk.bind('/shop/orders').json('/orders/7');
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`
 */
export function createClerk(options: ClerkOptions): Clerk {
  return new Clerk(configOf(options));
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
  readonly #shared: Shared;
  readonly #directory: Directory;
  readonly #events: Events;
  readonly #targets: RecentlyUsed<Target>;
  /** Targets that the cache has let go and a binding still holds. */
  readonly #held = new Map<string, Target>();
  /** Bindings made for hosts and longer paths, by name. */
  readonly #implicit: RecentlyUsed<Binding>;
  readonly #hosts: RecentlyUsed<HostBinding>;
  readonly #collected = new FinalizationRegistry<Target>((target) => this.#release(target));
  readonly #controller = new AbortController();
  #inFlight = 0;
  #closing: Promise<void> | undefined;
  #registryClosed: Promise<void> | undefined;
  #onQuiet: (() => void) | undefined;

  /** @internal */
  constructor(config: Config) {
    // Everything that is under way listens to it: that is no leak.
    setMaxListeners(0, this.#controller.signal);
    const clock = clockOf(config.runtime);
    const logger = config.logger ?? defaultLogger();
    this.#events = new Events(logger);
    const registry = asRegistry(config.registry);
    const gate: Gate = {
      check: () => {
        if (this.#closing) throw closed();
      },
      enter: () => {
        gate.check();
        this.#inFlight++;
      },
      leave: () => {
        if (--this.#inFlight === 0) this.#onQuiet?.();
      },
    };
    const lastKnownGood = new LastKnownGood(
      checking(registry, { clock, timeoutMs: defaults.lookupTimeoutMs, signal: this.#controller.signal }),
      {
        clock,
        reporter: this.#events,
        retry,
        maxStaleMs: defaults.maxStaleMs,
        onRecovered: (answer) => this.#learn(answer),
      },
    );
    const cached = new Cached(lastKnownGood, { clock, reporter: this.#events, maxNames: defaults.maxNames });
    const openTransport = config.runtime.transport ?? systemTransport;
    this.#shared = {
      config,
      clock,
      wheel: new Wheel(clock),
      transport: openTransport(
        { connections: config.connections, tls: config.tls, undici: config.undici },
        clock,
      ),
      registry,
      cached,
      lastKnownGood,
      reporter: this.#events,
      logger,
      retry,
      standpoint: Object.freeze({ host: config.host ?? clock.hostname(), zone: config.zone }),
      gate,
      signal: this.#controller.signal,
    };
    this.#directory = new Directory(this.#shared);
    this.#targets = recentlyUsed<Target>(defaults.maxNames, (target) => this.#forgotten(target));
    this.#implicit = recentlyUsed<Binding>(defaults.maxNames, () => undefined);
    this.#hosts = recentlyUsed<HostBinding>(defaults.maxNames, () => undefined);
    this.dispatcher = clerkDispatcher({
      isOurs,
      dispatch: (request, handler) => this.#dispatch(request, handler),
      passTo: config.dispatcher,
      close: () => this.close(),
      destroy: (error) => this.destroy(error),
    });
    this.fetch = (input, init) => this.#fetch(input, init);
  }

  /**
   * Binds a name. Synchronous and without I/O: the first call looks up. A name without a leading `/` is put behind the
   * clerk's root. Bindings of one name share what is known of it.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`, `CLOSED`
   */
  bind(name: string, options: BindOptions = {}): Binding {
    this.#shared.gate.check();
    const config = bindConfigOf(name, options, this.#shared.config.root);
    const target = this.#target(config.name);
    const binding = new Binding(new BindingSite(target, config), config);
    target.holders++;
    this.#collected.register(binding, target);
    return binding;
  }

  /**
   * Requests by a longer path: the longest prefix that is a service is called, the rest is the path within it.
   *
   * @param path - name and path in one: `/shop/orders/orders/7?full=1`
   * @throws {@link ClerkError} `NAME_NOT_FOUND` when no prefix is a service
   * @see "A Distributed Systems Architecture for the 1990's" C6 (junction)
   */
  async request(path: string, options: Omit<RequestOptions, 'path'> = {}): Promise<Reply> {
    const { names, rest } = junction(path, this.#shared.config.root);
    const answers = await this.#directory.answers(names, options.signal);
    const found = answers.findIndex((answer) => answer.kind === 'bound');
    if (found < 0)
      throw new ClerkError(
        'NAME_NOT_FOUND',
        `No beginning of '${path}' is a service that the registry knows`,
      );
    return this.#implied(names[found] as string).request({ ...options, path: rest(found) });
  }

  /** Looks a name up, from memory while that may be trusted. @throws {@link ClerkError} `NAME_NOT_FOUND`, `REGISTRY_UNREACHABLE` … */
  resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Resolved> {
    return this.#directory.resolve(name, options.signal);
  }

  /** Lists the names that a glob fits: `*` within a segment, `**` over any number of them. */
  list(glob: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly ListEntry[]> {
    return this.#directory.list(glob, options.signal);
  }

  /** Lists services with those of their endpoints whose zone, host, version or attributes equal the filter's. @see Naming N7 */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly SearchEntry[]> {
    return this.#directory.search(glob, filter, options.signal);
  }

  /**
   * Follows the names that a glob fits: first everything as it is, then every change, until the loop is left, the
   * signal aborts or the clerk is closed. Never keeps the process alive.
   */
  watch(glob: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Change> {
    this.#shared.gate.check();
    return this.#directory.watch(glob, options.signal);
  }

  /** Calls `listener` for every event of that kind. A listener that throws is logged and changes nothing. */
  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#events.on(checkedEvent(event, listener), listener, false);
    return this;
  }

  /** Calls `listener` for the next event of that kind. */
  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#events.on(checkedEvent(event, listener), listener, true);
    return this;
  }

  /** Stops calling `listener`. */
  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#events.off(event, listener);
    return this;
  }

  /** Node's word for {@link Clerk.off}, so that `events.on(clerk, …)` works. */
  removeListener<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    return this.off(event, listener);
  }

  /** Takes no new calls, waits for those in flight and their bodies, then lets go of everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Cuts everything at once: calls in flight fail with `CLOSED` or the given error. Idempotent. */
  async destroy(error?: Error | null): Promise<void> {
    const reason = error ?? new ClerkError('CLOSED', 'The clerk was destroyed while the call was in flight');
    this.#closing ??= Promise.resolve();
    this.#shared.wheel.stop(
      isClerkError(reason)
        ? reason
        : new ClerkError('CLOSED', `The clerk was destroyed: ${reason.message}`, { cause: reason }),
    );
    this.#stop();
    await Promise.all(this.#allTargets().map((target) => target.destroy(reason)));
    this.#onQuiet?.();
    await this.#closeRegistry();
  }

  /** As {@link Clerk.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    if (this.#controller.signal.aborted) return;
    this.#stop();
    await Promise.all(this.#allTargets().map((target) => target.close()));
    await this.#closeRegistry();
  }

  /** Once, whoever closes first and however often. */
  #closeRegistry(): Promise<void> {
    this.#registryClosed ??= Promise.resolve(this.#shared.registry.close?.());
    return this.#registryClosed;
  }

  #stop(): void {
    this.#controller.abort(closed());
    this.#shared.lastKnownGood.stop();
    this.#shared.wheel.stop(closed());
  }

  #target(name: string): Target {
    let target = this.#targets.get(name) ?? this.#held.get(name);
    if (target === undefined) {
      target = new Target(name, this.#shared);
      this.#targets.set(name, target);
    }
    return target;
  }

  #allTargets(): Target[] {
    return [...new Set([...this.#targets.values(), ...this.#held.values()])];
  }

  #forgotten(target: Target): void {
    if (target.holders > 0) this.#held.set(target.name, target);
    else void target.close();
  }

  #release(target: Target): void {
    target.holders--;
    if (target.holders === 0 && this.#held.delete(target.name)) void target.close();
  }

  /** An answer came in after a time of trouble: whoever holds the name gets it. */
  #learn(answer: Answer): void {
    // From a registry slower than its own promise it has run out on its way: asked again when somebody calls.
    if (!isFresh(answer, this.#shared.clock.now(), this.#shared.clock.wallNow())) return;
    this.#shared.cached.learn(answer);
    (this.#targets.get(answer.name) ?? this.#held.get(answer.name))?.adopt(answer);
  }

  #dispatch(request: Dispatcher.DispatchOptions, handler: WireHandler): void {
    const origin = String(request.origin);
    let host = this.#hosts.get(origin);
    try {
      if (host === undefined) {
        const url = new URL(origin);
        host = {
          binding: this.#implied(nameOfHost(url.hostname, url.port) as string),
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

  #fetch(
    input: string | URL | Request,
    init: (RequestInit & Omit<CallOptions, 'signal'>) | undefined,
  ): Promise<Response> {
    if (
      init === undefined ||
      (init.kind === undefined && init.timeoutMs === undefined && init.affinity === undefined)
    ) {
      // A fetch within another call's factory or policy is a call of its own.
      if (callOptions.getStore() === undefined) return fetchOver(this.dispatcher, input, init);
      return callOptions.run(undefined, () => fetchOver(this.dispatcher, input, init));
    }
    const { kind, timeoutMs, affinity, ...rest } = init;
    try {
      const checked = {
        ...(kind && { kind: kindOf(kind) }),
        ...(timeoutMs !== undefined && { timeoutMs: timeoutOf(timeoutMs) }),
        ...(affinity !== undefined && { affinity }),
        // fetch hands its body on as something that can be read once; what it was made of can be read again.
        ...(isPlainBody(rest.body) && { body: rest.body }),
      };
      const { origin } = new URL(typeof input === 'object' && 'url' in input ? input.url : input);
      if (!isOurs(origin)) {
        throw new ClerkError(
          'CONFIG_INVALID',
          `fetch has ${Object.keys(checked).join(', ')} for ${origin}, which is no .clerk host; use a signal there`,
        );
      }
      return callOptions.run(checked, () => fetchOver(this.dispatcher, input, rest));
    } catch (error) {
      return Promise.reject(new TypeError('fetch failed', { cause: error }));
    }
  }

  #implied(name: string): Binding {
    let binding = this.#implicit.get(name);
    if (binding === undefined) {
      binding = this.bind(name);
      this.#implicit.set(name, binding);
    }
    return binding;
  }
}

interface HostBinding {
  readonly binding: Binding;
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
  const again = body !== undefined && request.body !== null && request.body !== undefined;
  return {
    ...request,
    ...options,
    ...(again && { body: body as Dispatcher.DispatchOptions['body'] }),
  } as Dispatcher.DispatchOptions;
}

/** Whether an origin's host is under `.clerk`, without making a URL of it. */
function isOurs(origin: string): boolean {
  return /^https?:\/\/(?:[^/?#]*\.)?clerk\.*(?::[0-9]*)?\/?$/.test(origin);
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

function closed(): ClerkError {
  return new ClerkError('CLOSED', 'The clerk is closed; make a new one with createClerk()');
}
