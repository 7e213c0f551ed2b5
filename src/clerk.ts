/** The composition root: makes a clerk out of its parts, and is the only file that sees all of them. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { debuglog } from 'node:util';
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
import type { Answer } from './core/answer.js';
import { within, type Clock } from './core/clock.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import type { ClerkEvent } from './core/events.js';
import { nameOfHost } from './core/host.js';
import { absoluteName, isName } from './core/name.js';
import { parseGlob } from './core/glob.js';
import type { Logger } from './core/logger.js';
import type { ListEntry, SearchEntry } from './core/registry.js';
import type { Runtime } from './core/runtime.js';
import type { WireHandler } from './core/transport.js';
import { Events, type ClerkListener } from './events.js';
import { retry } from './invoke/retry.js';
import { Wheel } from './invoke/wheel.js';
import { asRegistry } from './registry/static.js';
import { Cached } from './resolve/cached.js';
import { checking } from './resolve/checking.js';
import { LastKnownGood } from './resolve/last-known-good.js';
import { recentlyUsed, type RecentlyUsed } from './resolve/lru.js';
import type { CallOptions, Reply, RequestOptions } from './request.js';
import { resolved, type Resolved } from './resolved.js';
import { systemClock } from './runtime/system.js';
import type { Gate, Shared } from './shared.js';
import { signalOf } from './signal.js';
import { BindingSite } from './site.js';
import { Target } from './target.js';
import { clerkDispatcher } from './transport/dispatcher.js';
import { fetchOver } from './transport/methods.js';
import { systemTransport } from './transport/system.js';
import { changes, type Change } from './watch.js';

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
      enter: () => {
        if (this.#closing) throw closed();
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
    if (this.#closing) throw closed();
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
    const { name, rest } = await this.#junction(path);
    return this.#implied(name).request({ ...options, path: rest });
  }

  /** Looks a name up, from memory while that may be trusted. @throws {@link ClerkError} `NAME_NOT_FOUND`, `REGISTRY_UNREACHABLE` … */
  async resolve(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Resolved> {
    const full = absoluteName(name, this.#shared.config.root);
    const answer = await this.#ask(() => this.#shared.cached.resolve(full), options.signal);
    if (answer.kind === 'absent') throw new ClerkError('NAME_NOT_FOUND', `The registry knows no ${full}`);
    return resolved(answer, this.#shared.clock.now());
  }

  /** Lists the names that a glob fits: `*` within a segment, `**` over any number of them. */
  list(glob: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly ListEntry[]> {
    return this.#ask(async (signal) => {
      const pattern = this.#glob(glob);
      const { registry } = this.#shared;
      if (registry.list === undefined)
        throw new ClerkError('CONFIG_INVALID', 'This registry cannot list names: it has no list method');
      return registry.list(pattern, { signal });
    }, options.signal);
  }

  /** Lists services with those of their endpoints whose zone, host, version or attributes equal the filter's. @see Naming N7 */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly SearchEntry[]> {
    return this.#ask(async (signal) => {
      const pattern = this.#glob(glob);
      const { registry } = this.#shared;
      if (registry.search === undefined)
        throw new ClerkError('CONFIG_INVALID', 'This registry cannot search: it has no search method');
      return registry.search(pattern, filter, { signal });
    }, options.signal);
  }

  /**
   * Follows the names that a glob fits: first everything as it is, then every change, until the loop is left, the
   * signal aborts or the clerk is closed. Never keeps the process alive.
   */
  watch(glob: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Change> {
    if (this.#closing) throw closed();
    return changes(this.#shared, this.#glob(glob), signalOf(options.signal));
  }

  /** Calls `listener` for every event of that kind. A listener that throws is logged and changes nothing. */
  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#events.on(checkedEvent(event), listener, false);
    return this;
  }

  /** Calls `listener` for the next event of that kind. */
  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#events.on(checkedEvent(event), listener, true);
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
    host.binding.dispatch(perCall === undefined ? request : { ...request, ...perCall }, handler, host.secure);
  }

  #fetch(
    input: string | URL | Request,
    init: (RequestInit & Omit<CallOptions, 'signal'>) | undefined,
  ): Promise<Response> {
    if (
      init === undefined ||
      (init.kind === undefined && init.timeoutMs === undefined && init.affinity === undefined)
    )
      return fetchOver(this.dispatcher, input, init);
    const { kind, timeoutMs, affinity, ...rest } = init;
    try {
      const checked = {
        ...(kind && { kind: kindOf(kind) }),
        ...(timeoutMs !== undefined && { timeoutMs: timeoutOf(timeoutMs) }),
        ...(affinity !== undefined && { affinity }),
      };
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

  async #junction(path: string): Promise<{ name: string; rest: string }> {
    if (typeof path !== 'string')
      throw new ClerkError(
        'NAME_INVALID',
        'clerk.request needs a path that begins with the name of a service',
      );
    const { root } = this.#shared.config;
    const full = path.startsWith('/') ? path : `${root}/${path}`;
    const end = full.search(/[?#](?![a-z0-9-]*\/)/);
    const [segments, tail] =
      end < 0 ? [full.split('/').slice(1), ''] : [full.slice(0, end).split('/').slice(1), full.slice(end)];
    let length = 0;
    while (length < Math.min(segments.length, 16) && isName(`/${segments.slice(0, length + 1).join('/')}`))
      length++;
    if (length === 0)
      throw new ClerkError('NAME_INVALID', `'${path}' does not begin with the name of a service`);
    const names = Array.from({ length }, (_, i) => `/${segments.slice(0, length - i).join('/')}`);
    const answers = await this.#ask(
      () => Promise.all(names.map((name) => this.#shared.cached.resolve(name))),
      undefined,
    );
    const found = answers.findIndex((answer) => answer.kind === 'bound');
    if (found < 0)
      throw new ClerkError(
        'NAME_NOT_FOUND',
        `No beginning of '${path}' is a service that the registry knows`,
      );
    return { name: names[found] as string, rest: `/${segments.slice(length - found).join('/')}${tail}` };
  }

  #glob(glob: string): string {
    const pattern =
      typeof glob === 'string' && !glob.startsWith('/') ? `${this.#shared.config.root}/${glob}` : glob;
    parseGlob(pattern);
    return pattern;
  }

  /** A question to the registry by the program itself: bounded in time, keeps the process alive, can be aborted. */
  async #ask<T>(question: (signal: AbortSignal) => Promise<T>, given: AbortSignal | undefined): Promise<T> {
    const signal = signalOf(given);
    const { wheel, clock } = this.#shared;
    if (this.#closing) throw closed();
    if (signal?.aborted === true) throw aborted(signal);
    const controller = new AbortController();
    const keepAlive = {
      expiresAt: 0,
      previous: undefined,
      next: undefined,
      expire: () => undefined,
      cut: () => undefined,
    };
    wheel.set(keepAlive, clock.now() + defaults.lookupTimeoutMs);
    let onAbort: (() => void) | undefined;
    try {
      const gaveUp = new Promise<never>((_resolve, reject) => {
        onAbort = () => {
          controller.abort(signal?.reason);
          reject(aborted(signal as AbortSignal));
        };
        signal?.addEventListener('abort', onAbort);
      });
      const late = (): ClerkError =>
        new ClerkError(
          'REGISTRY_UNREACHABLE',
          `The registry did not answer within ${String(defaults.lookupTimeoutMs)} ms`,
        );
      return await within(
        clock,
        defaults.lookupTimeoutMs,
        Promise.race([question(controller.signal), gaveUp]),
        late,
      );
    } catch (error) {
      if (isClerkError(error)) throw error;
      throw new ClerkError('REGISTRY_UNREACHABLE', `The registry failed to answer: ${reasonOf(error)}`, {
        cause: error,
      });
    } finally {
      wheel.clear(keepAlive);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
    }
  }
}

interface HostBinding {
  readonly binding: Binding;
  readonly secure: boolean;
}

/** Options of one `clerk.fetch`, on their way through undici to our dispatcher. */
const callOptions = new AsyncLocalStorage<Omit<CallOptions, 'signal'>>();

/** Whether an origin's host is under `.clerk`, without making a URL of it. */
function isOurs(origin: string): boolean {
  return /^https?:\/\/(?:[^/?#]*\.)?clerk\.*(?::[0-9]*)?\/?$/.test(origin);
}

function closed(): ClerkError {
  return new ClerkError('CLOSED', 'The clerk is closed; make a new one with createClerk()');
}

function aborted(signal: AbortSignal): ClerkError {
  return new ClerkError('ABORTED', 'The question to the registry was aborted by its caller', {
    cause: signal.reason,
  });
}

function checkedEvent<E extends ClerkEvent>(event: E): E {
  // node:events adds a listener for 'error' beside every other one.
  if (Events.has(event) || (event as string) === 'error') return event;
  throw new ClerkError('CONFIG_INVALID', `There is no event '${String(event)}'`);
}

function clockOf(runtime: Partial<Runtime>): Clock {
  const bind = <K extends keyof Clock>(key: K): Clock[K] => {
    const own = runtime[key] as ((...args: never[]) => unknown) | undefined;
    return (own ? own.bind(runtime) : systemClock[key]) as Clock[K];
  };
  return {
    now: bind('now'),
    wallNow: bind('wallNow'),
    random: bind('random'),
    setTimer: bind('setTimer'),
    afterArrivals: bind('afterArrivals'),
    hostname: bind('hostname'),
  };
}

function defaultLogger(): Logger {
  const log = debuglog('binding-clerk');
  const line = (level: string) => (message: string) => log('%s %s', level, message);
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
