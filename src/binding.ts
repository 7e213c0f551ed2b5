/** What `bind()` returns: one service, to be called in whatever way suits the program. */
import { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { Kind } from './core/call.js';
import { kindOfMethod } from './core/call.js';
import type { Reachable } from './core/candidate.js';
import type { Endpoint } from './core/endpoint.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import type { Verdict } from './core/outcome.js';
import type { WireHandler } from './core/transport.js';
import { kindOf, refuseUnknown, timeoutOf, type BindConfig } from './config.js';
import { explain, type Explanation } from './explain.js';
import { wireBody } from './invoke/body.js';
import { asCallersFault, callersFault } from './invoke/classify.js';
import { Collector } from './invoke/collect.js';
import { converse, inUse, settle, type Talk } from './invoke/conversation.js';
import { Exchange } from './invoke/exchange.js';
import { pinned } from './invoke/pinned.js';
import type { Site, Wish } from './invoke/site.js';
import {
  checkRequest,
  PreparedRequest,
  type CallOptions,
  type Reply,
  type RequestOptions,
} from './request.js';
import { signalOf } from './signal.js';
import type { BindingSite } from './site.js';
import { requestOver } from './transport/methods.js';

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

/** An endpoint that was chosen and is counted as busy until it is released. */
export interface Held extends Disposable, AsyncDisposable {
  /** Whom to talk to. */
  readonly endpoint: Endpoint;
  /** Aborted when the endpoint is set aside, is gone, or the clerk is closed. */
  readonly signal: AbortSignal;
  /** Gives it back and says how it went. Only the first call counts; disposing without it is `ignored`. */
  release(verdict: Verdict): void;
}

const verdicts: readonly Verdict[] = ['success', 'failure', 'ignored'];
const callKeys = ['timeoutMs', 'kind', 'affinity', 'signal'];

/** See {@link Clerk.bind}. */
export class Binding {
  /** The full name. */
  readonly name: string;
  readonly #site: BindingSite;
  readonly #config: BindConfig;
  readonly #plain: Wish;

  /** @internal */
  constructor(site: BindingSite, config: BindConfig) {
    this.name = config.name;
    this.#site = site;
    this.#config = config;
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
    return this.#collect(path, options, (body) => body.toString('utf8'));
  }

  /** Requests and reads the whole body. Rejects with `STATUS` for a status ≥ 400. */
  bytes(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<Uint8Array> {
    return this.#collect(
      path,
      options,
      (body) => new Uint8Array(body.buffer, body.byteOffset, body.byteLength),
    );
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
      refuseUnknown(options, callKeys, [], `call() of ${this.name}`);
      return converse(this.#site, talk, {
        kind: kindOf(options.kind) ?? this.#config.kind ?? 'once',
        wish: this.#wish(options.affinity, ''),
        timeoutMs: options.timeoutMs === undefined ? this.#config.timeoutMs : timeoutOf(options.timeoutMs),
        signal: signalOf(options.signal),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Chooses an endpoint and counts it as busy until it is released. Looks up, and starts, if that must come first. */
  async acquire(options: Omit<CallOptions, 'kind'> = {}): Promise<Held> {
    const site = this.#site;
    refuseUnknown(options, callKeys, [], `acquire() of ${this.name}`);
    const wish = this.#wish(options.affinity, '');
    return hold(site, await settle(site, { ...this.#bounds(options), wish }));
  }

  /** Sends one request to every endpoint that fits, once each. Resolves with what each answered, in the registry's order. */
  async gather(options: RequestOptions): Promise<Gathered[]> {
    checkRequest(options, this.name);
    await settle(this.#site, { ...this.#bounds(options), wish: this.#plain });
    return Promise.all(
      this.#site.roster().all.map(async (candidate) => {
        const { endpoint } = candidate;
        try {
          return { endpoint, reply: await this.#request(pinned(this.#site, candidate), options) };
        } catch (error) {
          return { endpoint, error: error as ClerkError };
        }
      }),
    );
  }

  /** Resolves when a connection to an endpoint stands, and nothing was sent on it: warms up before the first call. */
  async ready(options: Omit<CallOptions, 'kind' | 'affinity'> = {}): Promise<void> {
    refuseUnknown(options, callKeys, [], `ready() of ${this.name}`);
    const site = this.#site;
    await converse(
      site,
      (endpoint) =>
        site
          .roster()
          .all.find((candidate) => candidate.endpoint.id === endpoint.id)
          ?.channel.connect(),
      { ...this.#bounds(options), kind: 'safe', wish: this.#plain, sendsNothing: true },
    );
  }

  /** What a call would meet right now: candidates, their scores, what was left out and why. Synchronous, no I/O. */
  explain(): Explanation {
    return explain(this.#site, this.#config);
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
        options.timeoutMs ?? this.#config.timeoutMs,
        scope,
      ).start();
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  #request(site: Site, options: RequestOptions): Promise<Reply> {
    return new Promise((resolve, reject) => {
      try {
        const request = this.#prepare(site, options);
        requestOver(request, request as unknown as Dispatcher.RequestOptions, (error, data) => {
          if (error) reject(this.#asClerkError(error));
          else resolve(request.complete(data as Dispatcher.ResponseData));
        });
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
      const options = typeof path === 'string' ? (more === undefined ? { path } : { ...more, path }) : path;
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

  #prepare(site: Site, options: RequestOptions): PreparedRequest {
    checkRequest(options, this.name);
    const timeoutMs = options.timeoutMs === undefined ? this.#config.timeoutMs : timeoutOf(options.timeoutMs);
    const wish =
      this.#config.affinity === undefined && options.affinity === undefined
        ? this.#plain
        : this.#wish(options.affinity, options.path);
    return new PreparedRequest(options, site, this.#kind(options), wish, timeoutMs);
  }

  #kind(options: { readonly method?: string; readonly kind?: unknown; readonly idempotent?: unknown }): Kind {
    const { kind } = options;
    if (kind !== undefined) return kindOf(kind) as Kind;
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
        throw new TypeError(`it returned ${typeof key}, not a string`);
      return key;
    } catch (error) {
      throw new ClerkError(
        'CONFIG_INVALID',
        `The affinity function of ${this.name} failed: ${reasonOf(error)}`,
        { cause: error },
      );
    }
  }

  #bounds(options: CallOptions): { kind: Kind; timeoutMs: number; signal: AbortSignal | undefined } {
    return {
      kind: 'once',
      timeoutMs: options.timeoutMs === undefined ? this.#config.timeoutMs : timeoutOf(options.timeoutMs),
      signal: signalOf(options.signal),
    };
  }

  #asClerkError(error: unknown): ClerkError {
    if (isClerkError(error)) return error;
    return asCallersFault(callersFault(error) ?? 'CONFIG_INVALID', this.name, error);
  }
}

function parseJson(name: string, body: Buffer, statusCode: number): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ClerkError(
      'STATUS',
      `${name} answered with status ${String(statusCode)} and a body that is no JSON: ${reasonOf(error)}`,
      {
        execution: 'done',
        statusCode,
        cause: error,
      },
    );
  }
}

/** Counts a candidate as busy until it is released. */
function hold(site: BindingSite, candidate: Reachable): Held {
  const controller = new AbortController();
  const { target } = site;
  let released = false;
  const beganAt = site.clock.now();
  site.enter();
  site.health.began(candidate);
  const watch = (): void => {
    const members = target.table.members as readonly Reachable[];
    if (candidate.status === 'closed' || !members.includes(candidate))
      stop(
        new ClerkError('NO_ENDPOINT', `${candidate.endpoint.id} of ${site.name} was set aside or is gone`),
      );
  };
  const stop = (reason: unknown): void => controller.abort(reason);
  const onClosed = (): void => stop(target.shared.signal.reason);
  target.watchers.add(watch);
  target.shared.signal.addEventListener('abort', onClosed);
  const release = (verdict: Verdict): void => {
    if (!verdicts.includes(verdict)) {
      throw new ClerkError('CONFIG_INVALID', `release() of ${site.name} needs one of ${verdicts.join(', ')}`);
    }
    if (released) return;
    released = true;
    target.watchers.delete(watch);
    target.shared.signal.removeEventListener('abort', onClosed);
    const now = site.clock.now();
    if (verdict === 'success') site.health.answered(candidate, undefined, now);
    else if (verdict === 'failure') site.health.failed(candidate, 'status', beganAt, now);
    site.health.ended(candidate);
    site.leave();
  };
  return {
    endpoint: inUse(candidate),
    signal: controller.signal,
    release,
    [Symbol.dispose]: () => {
      release('ignored');
    },
    [Symbol.asyncDispose]: () => {
      release('ignored');
      return Promise.resolve();
    },
  };
}
