import type { BindingCache } from '../binding/binding-cache.js';
import type { Binding } from '../binding/binding.js';
import type { ClerkResponse, RequestOptions } from '../binding/request-options.js';
import { withJsonBody } from '../binding/json-body.js';
import { copyOptions } from '../binding/request-copy.js';
import { asClerkError } from '../invoke/classify-error.js';
import { describeValue } from '../core/describe-value.js';
import { releaseBody } from '../core/release-body.js';
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, errorMessage, isClerkError, configError } from '../core/errors.js';
import type { ClerkEvent } from '../core/events.js';
import type { Logger } from '../core/logger.js';
import type { ListEntry, SearchEntry } from '../core/registry.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';
import type { LastKnownGood } from '../resolve/last-known-good.js';
import { clerkClosedError, type CallTracker } from './call-tracker.js';
import type { Clerk } from './clerk.js';
import type { ClerkConfig } from './config.js';
import { ClerkEvents, type ClerkListener } from './events.js';
import type { ClerkFetch } from './fetch.js';
import type { NameChange } from './name-watch.js';
import { checkObject, checkOptions } from './option-checks.js';
import type { BindOptions } from './options.js';
import { splitPath } from './path-prefixes.js';
import type { RegistryQueries } from './registry-queries.js';
import type { Resolved } from './resolved.js';

export interface ClerkDependencies {
  readonly config: ClerkConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ClerkEvents;
  readonly callTracker: CallTracker;
  readonly timerWheel: TimerWheel;
  readonly bindings: BindingCache;
  readonly queries: RegistryQueries;
  readonly lastKnownGood: LastKnownGood;
  readonly dispatcher: Clerk['dispatcher'];
  readonly fetch: ClerkFetch;
  readonly controller: AbortController;
  readonly closeRegistry: () => Promise<void>;
  readonly saveSnapshot: () => Promise<void>;
}

interface QueryOptions {
  readonly signal?: AbortSignal | undefined;
}

const queryKeys: readonly (keyof QueryOptions)[] = ['signal'];
const maxRegistryCloseMs = 1_000;

export class DefaultClerk implements Clerk {
  readonly dispatcher: Clerk['dispatcher'];
  readonly fetch: ClerkFetch;
  readonly #dependencies: ClerkDependencies;
  #closing: Promise<void> | undefined;
  #registryClosed: Promise<void> | undefined;

  constructor(dependencies: ClerkDependencies) {
    this.#dependencies = dependencies;
    this.dispatcher = dependencies.dispatcher;
    this.fetch = dependencies.fetch;
  }

  bind(name: string, options: BindOptions = {}): Binding {
    return this.#dependencies.bindings.bind(name, options);
  }

  async request(path: string, options: Omit<RequestOptions, 'path'> = {}): Promise<ClerkResponse> {
    const { queries, bindings, config } = this.#dependencies;
    try {
      const { names, remainder } = splitPath(path, config.root);
      if ('path' in checkObject(options, 'Options of clerk.request()'))
        throw configError(
          `clerk.request(): the path is given twice, as '${path}' and within the options; remove the path from the options`,
        );
      const copy = copyOptions(withJsonBody(options, `Request to '${path}'`));
      const { name, durationMs } = await queries.findService(path, names, copy);
      if (name === undefined)
        throw new ClerkError(
          'NAME_NOT_FOUND',
          `No prefix of '${path}' is the name of a registered service; check the path, or list names with clerk.list()`,
        );
      return await bindings
        .forName(name)
        .requestAfterLookup(durationMs, { ...copy, path: remainder(names.indexOf(name)) });
    } catch (error) {
      const clerkError = asClerkError(error, path);
      releaseBody((options as typeof options | null)?.body, clerkError);
      throw clerkError;
    }
  }

  async resolve(name: string, options: QueryOptions = {}): Promise<Resolved> {
    checkOptions(options, queryKeys, 'clerk.resolve()');
    return this.#dependencies.queries.resolve(name, options.signal);
  }

  async list(glob: string, options: QueryOptions = {}): Promise<readonly ListEntry[]> {
    checkOptions(options, queryKeys, 'clerk.list()');
    return this.#dependencies.queries.list(glob, options.signal);
  }

  async search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    options: QueryOptions = {},
  ): Promise<readonly SearchEntry[]> {
    checkOptions(options, queryKeys, 'clerk.search()');
    return this.#dependencies.queries.search(glob, filter, options.signal);
  }

  watch(glob: string, options: QueryOptions = {}): AsyncIterableIterator<NameChange> {
    checkOptions(options, queryKeys, 'clerk.watch()');
    this.#dependencies.callTracker.assertOpen();
    return this.#dependencies.queries.watch(glob, options.signal);
  }

  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#dependencies.events.on(checkListener(event, listener), listener, false);
    return this;
  }

  once<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#dependencies.events.on(checkListener(event, listener), listener, true);
    return this;
  }

  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    this.#dependencies.events.off(event, listener);
    return this;
  }

  removeListener<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): this {
    return this.off(event, listener);
  }

  close(): Promise<void> {
    this.#dependencies.callTracker.close();
    this.#closing ??= this.#closeInTime();
    return this.#closing;
  }

  destroy(error?: Error | null): Promise<void> {
    const destroyed = this.#destroy(error);
    this.#closing ??= destroyed;
    return destroyed;
  }

  async #destroy(error: Error | null | undefined): Promise<void> {
    const { saveSnapshot } = this.#dependencies;
    try {
      await this.#destroyCalls(
        error ?? new ClerkError('CLERK_CLOSED', 'The clerk was destroyed while the call was in flight'),
      );
    } finally {
      await saveSnapshot();
      await this.#closeRegistrySoon();
    }
  }

  async #destroyCalls(reason: Error): Promise<void> {
    const { bindings, callTracker, timerWheel } = this.#dependencies;
    callTracker.destroy();
    const error = isClerkError(reason)
      ? reason
      : new ClerkError('CLERK_CLOSED', `The clerk was destroyed: ${reason.message}`, { cause: reason });
    timerWheel.abortAll(error);
    this.#abortPending();
    try {
      await bindings.destroy(error);
    } finally {
      callTracker.stopWaiting();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeInTime(): Promise<void> {
    const { callTracker, clock, config, saveSnapshot } = this.#dependencies;
    let timer: Timer | undefined;
    const timeout = new Promise<'late'>((resolve) => {
      timer = clock.setTimer(() => resolve('late'), config.closeTimeoutMs);
    });
    try {
      if ((await Promise.race([this.#closeGracefully(), timeout])) === 'late') await this.#destroyLate();
    } finally {
      timer?.cancel();
      await saveSnapshot();
      callTracker.destroy();
    }
  }

  async #destroyLate(): Promise<void> {
    const { callTracker, config, logger } = this.#dependencies;
    const afterMs = `${String(config.closeTimeoutMs)} ms`;
    const count = callTracker.inFlight;
    const left =
      count === 0
        ? 'the registry or a connection did not close'
        : `${String(count)} ${count === 1 ? 'call or response body has' : 'calls or response bodies have'} not ended; read or discard each response body, and release each acquired endpoint`;
    logger.warn(`clerk.close() waited ${afterMs} and now ends all remaining calls and connections: ${left}`);
    const error = `The clerk was closed, and the call did not end within ${afterMs}`;
    await this.#destroyCalls(new ClerkError('CLERK_CLOSED', error));
    this.#closeRegistry().catch((cause: unknown) =>
      logger.warn(`The registry of the clerk could not be closed: ${errorMessage(cause)}`),
    );
  }

  async #closeGracefully(): Promise<void> {
    const { bindings, controller, callTracker } = this.#dependencies;
    if (callTracker.inFlight > 0) await callTracker.whenIdle();
    if (controller.signal.aborted) return;
    this.#abortPending();
    try {
      await bindings.close();
    } finally {
      await this.#closeRegistry();
    }
  }

  async #closeRegistrySoon(): Promise<void> {
    const { clock, logger } = this.#dependencies;
    let timer: Timer | undefined;
    const timeout = new Promise<'late'>((resolve) => {
      timer = clock.setTimer(() => resolve('late'), maxRegistryCloseMs);
    });
    try {
      if ((await Promise.race([this.#closeRegistry(), timeout])) === 'late')
        logger.warn(
          `The registry did not close within ${String(maxRegistryCloseMs)} ms; clerk.destroy() waits no longer`,
        );
    } finally {
      timer?.cancel();
    }
  }

  #closeRegistry(): Promise<void> {
    this.#registryClosed ??= this.#dependencies.closeRegistry();
    return this.#registryClosed;
  }

  #abortPending(): void {
    const { controller, lastKnownGood, timerWheel } = this.#dependencies;
    controller.abort(clerkClosedError());
    lastKnownGood.stop();
    timerWheel.abortAll(clerkClosedError());
  }
}

function checkListener<E extends ClerkEvent>(event: E, listener: unknown): E {
  if (typeof listener !== 'function')
    throw configError(`Listener for '${event}' must be a function; got ${describeValue(listener)}`);
  // The clerk never emits 'error'. The name is accepted, because `events.on()` of `node:events` adds a listener for it.
  if (ClerkEvents.has(event) || (event as string) === 'error') return event;
  throw configError(`Event must be one of ${ClerkEvents.names.join(', ')}; got '${event as string}'`);
}
