/** What `bind()` returns: one service, to be called in whatever way suits the program. */
import { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { Kind } from './core/call.js';
import { kindOfMethod } from './core/call.js';
import type { Endpoint } from './core/endpoint.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import { shown } from './core/shown.js';
import { servedNow } from './core/served.js';
import type { WireHandler } from './core/transport.js';
import { kindOf, timeoutOf, type BindConfig } from './bind-config.js';
import { refuseUnknown } from './checks.js';
import { explain } from './explain.js';
import type { Explanation } from './explanation.js';
import { wireBody } from './invoke/body.js';
import { asCallersFault, callersFault } from './invoke/classify.js';
import { hold, type Held } from './held.js';
import { Collector } from './invoke/collect.js';
import { converse, settle, type Talk } from './invoke/conversation.js';
import { Exchange } from './invoke/exchange.js';
import { pinned, seenAs } from './invoke/pinned.js';
import type { Site, Wish } from './invoke/site.js';
import { inTurns } from './in-turns.js';
import { later, within, type Terms } from './invoke/terms.js';
import { asBytes, asText, parseJson } from './reading.js';
import {
  checkRequest,
  PreparedRequest,
  requestOf,
  type CallOptions,
  type Reply,
  type RequestOptions,
} from './request.js';
import { signalOf } from './signal.js';
import type { BindingSite } from './site.js';
import { Replying } from './transport/replying.js';

export type { Held } from './held.js';

/** An endpoint that answered. */
export interface GatheredReply {
  /** Who. */
  readonly endpoint: Endpoint;
  /** What it answered. */
  readonly reply: Reply;
}

/** An endpoint that did not answer. */
export interface GatheredError {
  /** Who. */
  readonly endpoint: Endpoint;
  /** Why not. */
  readonly error: ClerkError;
}

/** What one endpoint answered to {@link Binding.gather}. */
export type Gathered = GatheredReply | GatheredError;

const callKeys = ['timeoutMs', 'kind', 'affinity', 'signal'];

/** See {@link Clerk.bind}. */
export class Binding {
  /** The full name. */
  readonly name: string;
  readonly #site: BindingSite;
  readonly #config: BindConfig;
  readonly #plain: Wish;
  readonly #usual: Terms;
  /** What messages call a request. */
  readonly #where: string;

  /** @internal */
  constructor(site: BindingSite, config: BindConfig) {
    this.name = config.name;
    this.#site = site;
    this.#config = config;
    this.#where = `A request of ${config.name}`;
    this.#usual = Object.freeze({
      timeoutMs: config.timeoutMs,
      isSet: config.setsTime,
      spentMs: 0,
      leftMs: Infinity,
      repeats: true,
    });
    this.#plain = Object.freeze({
      affinity: typeof config.affinity === 'string' ? config.affinity : undefined,
      secure: false,
    });
  }

  /**
   * Makes a request. Resolves with the head of the answer, whatever its status; the body is a stream.
   *
   * @throws {@link ClerkError} any code but `STATUS`
   */
  request(options: RequestOptions): Promise<Reply> {
    return this.#request(this.#site, options);
  }

  /** Requests and reads the whole body as JSON. Rejects with `STATUS` for a status ≥ 400, or a body that is no JSON. */
  json<T = unknown>(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<T> {
    return this.#collect(path, options, (body, statusCode) => parseJson(this.name, body, statusCode) as T);
  }

  /** Requests and reads the whole body as UTF-8. Rejects with `STATUS` for a status ≥ 400. */
  text(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<string> {
    return this.#collect(path, options, asText);
  }

  /** Requests and reads the whole body. Rejects with `STATUS` for a status ≥ 400. */
  bytes(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<Uint8Array> {
    return this.#collect(path, options, asBytes);
  }

  /**
   * Talks any protocol: chooses an endpoint, lets `talk` speak with it, and with another one if that failed and `kind`
   * allows it. Nothing is known of how far a talk got, so with the default kind `once` it is never repeated.
   * An attempt of another kind is given up (its signal aborts) when it is late and somebody else can be asked.
   *
   * @throws {@link ClerkError} the failure of `talk` is the cause
   */
  call<T>(talk: Talk<T>, options: CallOptions = {}): Promise<T> {
    try {
      if (typeof talk !== 'function')
        throw new ClerkError(
          'CONFIG_INVALID',
          `call() of ${this.name} needs a function that does the talking`,
        );
      const where = `call() of ${this.name}`;
      refuseUnknown(options, callKeys, [], where);
      return converse(this.#site, talk, {
        ...this.#bounds(where, options),
        kind: kindOf(options.kind, where) ?? this.#config.kind ?? 'once',
        wish: this.#wish(options.affinity, ''),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Chooses an endpoint and counts it as busy until it is released. Looks up, and starts, if that must come first. */
  async acquire(options: Omit<CallOptions, 'kind'> = {}): Promise<Held> {
    const site = this.#site;
    const where = `acquire() of ${this.name}`;
    refuseUnknown(options, callKeys, [], where);
    const wish = this.#wish(options.affinity, '');
    return hold(site, await settle(site, { ...this.#bounds(where, options), wish }));
  }

  /** Sends one request to every endpoint that fits, once each. Resolves with what each answered, in the registry's order. */
  async gather(options: RequestOptions): Promise<Gathered[]> {
    const site = this.#site;
    checkRequest(options, this.name);
    this.#kind(options);
    // Those that refuse and rest are asked too, so nobody's rest is waited for: only a look-up, or a start.
    const known = seenAs(site, {
      policyName: 'gather',
      choose: (now) => (site.isWarm(now) ? site.roster().all[0] : undefined),
      chooseNow: () => site.roster().all[0],
      prepare: async (wish, learned) => {
        await site.learn(wish, learned);
      },
    });
    const bounds = this.#bounds(this.#where, options);
    const startedAt = site.clock.now();
    await settle(known, { ...bounds, wish: this.#plain });
    const terms = later(bounds.terms, site.clock.now() - startedAt, site.recordMs, this.name);
    return inTurns(site.roster().all, site.maxPending, async (candidate) => {
      const { endpoint } = candidate;
      try {
        return { endpoint, reply: await this.#request(pinned(site, candidate), options, terms) };
      } catch (error) {
        return { endpoint, error: error as ClerkError };
      }
    });
  }

  /** Resolves when a connection to an endpoint stands, and nothing was sent on it: warms up before the first call. */
  async ready(options: Omit<CallOptions, 'kind' | 'affinity'> = {}): Promise<void> {
    const where = `ready() of ${this.name}`;
    refuseUnknown(options, callKeys, [], where);
    const site = this.#site;
    await converse(
      site,
      (endpoint) =>
        site
          .roster()
          .all.find((candidate) => candidate.endpoint.id === endpoint.id)
          ?.channel.connect(),
      { ...this.#bounds(where, options), kind: 'safe', wish: this.#plain, sendsNothing: true },
    );
  }

  /** What a call would meet right now: candidates, their scores, what was left out and why. Synchronous, no I/O. */
  explain(): Explanation {
    return explain(this.#site, this.#config);
  }

  /**
   * A request for which something else had to be asked first.
   *
   * @param spentMs - how long that took: it counts in the call's time
   * @internal
   */
  requestAfter(spentMs: number, options: RequestOptions): Promise<Reply> {
    try {
      const site = this.#site;
      const own = this.#terms(this.#where, options.timeoutMs);
      return this.#request(site, options, later(own, spentMs, site.recordMs, this.name));
    } catch (error) {
      return Promise.reject(this.#asClerkError(error));
    }
  }

  /**
   * Takes a request in undici's own form.
   *
   * @internal
   */
  dispatch(options: Dispatcher.DispatchOptions & CallOptions, handler: WireHandler, secure: boolean): void {
    try {
      const affinity = this.#affinity(options.affinity, options.path);
      const wish = secure || affinity !== undefined ? { secure, affinity } : this.#plain;
      const body = wireBody(options.body);
      const request = body === options.body ? options : { ...options, body };
      // undici's own handlers carry their caller's context; fetch's do not.
      const scope = handler instanceof AsyncResource ? handler : new AsyncResource('CLERK_CALL');
      new Exchange(
        this.#site,
        request,
        handler,
        this.#kind(options),
        wish,
        this.#terms(this.#where, options.timeoutMs),
        scope,
      ).start();
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  #request(site: Site, options: RequestOptions, terms?: Terms): Promise<Reply> {
    return new Promise((resolve, reject) => {
      try {
        const request = this.#prepare(site, options, terms);
        const handler = new Replying(request, resolve, (error) => reject(this.#asClerkError(error)));
        request.start(handler, handler);
      } catch (error) {
        reject(this.#asClerkError(error));
      }
    });
  }

  #collect<T>(
    path: string | RequestOptions,
    more: Omit<RequestOptions, 'path'> | undefined,
    read: (body: Buffer, statusCode: number) => T,
  ): Promise<T> {
    try {
      const options = requestOf(path, more, this.#where);
      const request = this.#prepare(this.#site, options);
      const handler = new Collector(
        `${request.method} ${request.path} of ${this.name}`,
        read,
        signalOf(options.signal),
      );
      request.start(handler, handler);
      return handler.promise;
    } catch (error) {
      return Promise.reject(this.#asClerkError(error));
    }
  }

  #prepare(site: Site, options: RequestOptions, given?: Terms): PreparedRequest {
    checkRequest(options, this.name);
    const terms = given ?? this.#terms(this.#where, options.timeoutMs);
    const wish =
      this.#config.affinity === undefined && options.affinity === undefined
        ? this.#plain
        : this.#wish(options.affinity, options.path);
    return new PreparedRequest(options, site, this.#kind(options), wish, terms);
  }

  #kind(options: { readonly method?: string; readonly kind?: unknown; readonly idempotent?: unknown }): Kind {
    const { kind } = options;
    if (kind !== undefined) return kindOf(kind, this.#where) as Kind;
    if (options.idempotent === true) return 'idempotent';
    return this.#config.kind ?? kindOfMethod(options.method ?? 'GET');
  }

  #wish(affinity: string | undefined, path: string): Wish {
    const key = this.#affinity(affinity, path);
    return key === undefined ? this.#plain : { affinity: key, secure: false };
  }

  #affinity(given: unknown, path: string): string | undefined {
    if (given !== undefined && typeof given !== 'string')
      throw new ClerkError('CONFIG_INVALID', `A call of ${this.name} has an affinity that is no string`);
    if (given !== undefined) return given;
    const { affinity } = this.#config;
    if (typeof affinity !== 'function') return affinity;
    try {
      const key: unknown = affinity(path);
      if (key !== undefined && typeof key !== 'string')
        throw new TypeError(`it returned ${key instanceof Promise ? 'a promise' : shown(key)}, not a string`);
      return key;
    } catch (error) {
      throw new ClerkError(
        'CONFIG_INVALID',
        `The affinity function of ${this.name} failed: ${reasonOf(error)}`,
        { cause: error },
      );
    }
  }

  #bounds(
    where: string,
    options: CallOptions,
  ): { kind: Kind; terms: Terms; signal: AbortSignal | undefined } {
    return {
      kind: 'once',
      terms: this.#terms(where, options.timeoutMs),
      signal: signalOf(options.signal, where),
    };
  }

  /** @throws {@link ClerkError} `CONFIG_INVALID`; `DEADLINE_EXCEEDED` when the call being served has no time left */
  #terms(where: string, given: unknown): Terms {
    const own =
      given === undefined
        ? this.#usual
        : { timeoutMs: timeoutOf(given, where), isSet: true, spentMs: 0, leftMs: Infinity, repeats: true };
    const served = servedNow();
    return served === undefined ? own : within(own, served, this.#site.clock.now(), this.name);
  }

  #asClerkError(error: unknown): ClerkError {
    if (isClerkError(error)) return error;
    return asCallersFault(callersFault(error) ?? 'CONFIG_INVALID', this.name, error);
  }
}
