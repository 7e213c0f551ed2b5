/** What `bind()` returns: one service, to be called in whatever way suits the program. */
import { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { CallKind } from '../core/idempotency.js';
import { kindOfMethod } from '../core/idempotency.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { quote } from '../core/describe-value.js';
import { currentInbound } from '../core/inbound-request.js';
import type { RequestHandler } from '../core/transport.js';
import { checkKind, checkTimeout, type BindConfig } from './bind-config.js';
import { rejectUnknownKeys } from '../client/option-checks.js';
import { explainBinding } from './explain-binding.js';
import type { Explanation } from './explanation.js';
import { toUndiciBody } from '../invoke/request-body.js';
import { wrapCallerError, callerErrorCode } from '../invoke/classify-error.js';
import { acquireEndpoint, type AcquiredEndpoint } from './acquire.js';
import { BodyCollector } from '../invoke/body-collector.js';
import { runCustomCall, reserveEndpoint, type CallFunction } from '../invoke/custom-call.js';
import { HttpCall } from '../invoke/http-call.js';
import { fixedTo, overrideContext } from '../invoke/fixed-endpoint.js';
import type { CallContext, PickConstraints } from '../invoke/call-context.js';
import { mapConcurrently } from './map-concurrently.js';
import { afterDelay, capToInbound, type CallDeadline } from '../invoke/deadline.js';
import { asBytes, asText, parseJson } from './parse-body.js';
import {
  checkRequest,
  PreparedRequest,
  normalizeRequest,
  type CallOptions,
  type ClerkResponse,
  type RequestOptions,
} from './request-options.js';
import { checkSignal } from '../client/check-signal.js';
import type { ServiceCallContext } from './service-call-context.js';
import { ResponseHandler } from '../transport/response-handler.js';

export type { AcquiredEndpoint } from './acquire.js';

/** An endpoint that answered. */
export interface EndpointSuccess {
  /** Who. */
  readonly endpoint: Endpoint;
  /** What it answered. */
  readonly response: ClerkResponse;
}

/** An endpoint that did not answer. */
export interface EndpointFailure {
  /** Who. */
  readonly endpoint: Endpoint;
  /** Why not. */
  readonly error: ClerkError;
}

/** What one endpoint answered to {@link Binding.gather}. */
export type EndpointResult = EndpointSuccess | EndpointFailure;

const callKeys = ['timeoutMs', 'kind', 'affinity', 'signal'];

/** See {@link Clerk.bind}. */
export class Binding {
  /** The full name. */
  readonly name: string;
  readonly #context: ServiceCallContext;
  readonly #config: BindConfig;
  readonly #noConstraints: PickConstraints;
  readonly #defaultDeadline: CallDeadline;
  /** What messages call a request. */
  readonly #subject: string;

  /** @internal */
  constructor(context: ServiceCallContext, config: BindConfig) {
    this.name = config.name;
    this.#context = context;
    this.#config = config;
    this.#subject = `A request of ${config.name}`;
    this.#defaultDeadline = Object.freeze({
      timeoutMs: config.timeoutMs,
      isExplicit: config.hasOwnTimeout,
      elapsedMs: 0,
      inboundLeftMs: Infinity,
      allowsRetries: true,
    });
    this.#noConstraints = Object.freeze({
      affinity: typeof config.affinity === 'string' ? config.affinity : undefined,
      tlsOnly: false,
    });
  }

  /**
   * Makes a request. Resolves with the head of the answer, whatever its status; the body is a stream.
   *
   * @throws {@link ClerkError} any code but `BAD_STATUS`
   */
  request(options: RequestOptions): Promise<ClerkResponse> {
    return this.#request(this.#context, options);
  }

  /** Requests and reads the whole body as JSON. Rejects with `BAD_STATUS` for a status ≥ 400, or a body that is no JSON. */
  json<T = unknown>(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<T> {
    return this.#readBody(path, options, (body, statusCode) => parseJson(this.name, body, statusCode) as T);
  }

  /** Requests and reads the whole body as UTF-8. Rejects with `BAD_STATUS` for a status ≥ 400. */
  text(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<string> {
    return this.#readBody(path, options, asText);
  }

  /** Requests and reads the whole body. Rejects with `BAD_STATUS` for a status ≥ 400. */
  bytes(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<Uint8Array> {
    return this.#readBody(path, options, asBytes);
  }

  /**
   * Talks any protocol: chooses an endpoint, lets `talk` speak with it, and with another one if that failed and `kind`
   * allows it. Nothing is known of how far a talk got, so with the default kind `once` it is never repeated.
   * An attempt of another kind is given up (its signal aborts) when it is late and somebody else can be asked.
   *
   * @throws {@link ClerkError} the failure of `talk` is the cause
   */
  call<T>(run: CallFunction<T>, options: CallOptions = {}): Promise<T> {
    try {
      if (typeof run !== 'function')
        throw new ClerkError(
          'CONFIG_INVALID',
          `call() of ${this.name} needs a function that does the talking`,
        );
      const subject = `call() of ${this.name}`;
      rejectUnknownKeys(options, callKeys, [], subject);
      return runCustomCall(this.#context, run, {
        ...this.#callSettings(subject, options),
        kind: checkKind(options.kind, subject) ?? this.#config.kind ?? 'once',
        constraints: this.#constraints(options.affinity, ''),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Chooses an endpoint and counts it as busy until it is released. Looks up, and starts, if that must come first. */
  async acquire(options: Omit<CallOptions, 'kind'> = {}): Promise<AcquiredEndpoint> {
    const context = this.#context;
    const subject = `acquire() of ${this.name}`;
    rejectUnknownKeys(options, callKeys, [], subject);
    const constraints = this.#constraints(options.affinity, '');
    return acquireEndpoint(
      context,
      await reserveEndpoint(context, { ...this.#callSettings(subject, options), constraints }),
    );
  }

  /** Sends one request to every endpoint that fits, once each. Resolves with what each answered, in the registry's order. */
  async gather(options: RequestOptions): Promise<EndpointResult[]> {
    const context = this.#context;
    checkRequest(options, this.name);
    this.#kind(options);
    // Those that refuse and rest are asked too, so nobody's rest is waited for: only a look-up, or a start.
    const unfilteredContext = overrideContext(context, {
      policyName: 'gather',
      pickCached: (now) => (context.isFresh(now) ? context.candidates().matching[0] : undefined),
      pick: () => context.candidates().matching[0],
      prepare: async (wish, learned) => {
        await context.resolve(wish, learned);
      },
    });
    const settings = this.#callSettings(this.#subject, options);
    const startedAt = context.clock.now();
    await reserveEndpoint(unfilteredContext, { ...settings, constraints: this.#noConstraints });
    const deadline = afterDelay(
      settings.deadline,
      context.clock.now() - startedAt,
      context.serviceTimeoutMs,
      this.name,
    );
    return mapConcurrently(context.candidates().matching, context.maxPending, async (candidate) => {
      const { endpoint } = candidate;
      try {
        return { endpoint, response: await this.#request(fixedTo(context, candidate), options, deadline) };
      } catch (error) {
        return { endpoint, error: error as ClerkError };
      }
    });
  }

  /** Resolves when a connection to an endpoint stands, and nothing was sent on it: warms up before the first call. */
  async ready(options: Omit<CallOptions, 'kind' | 'affinity'> = {}): Promise<void> {
    const subject = `ready() of ${this.name}`;
    rejectUnknownKeys(options, callKeys, [], subject);
    const context = this.#context;
    await runCustomCall(
      context,
      (endpoint) =>
        context
          .candidates()
          .matching.find((candidate) => candidate.endpoint.id === endpoint.id)
          ?.channel.connect(),
      {
        ...this.#callSettings(subject, options),
        kind: 'safe',
        constraints: this.#noConstraints,
        connectOnly: true,
      },
    );
  }

  /** What a call would meet right now: candidates, their scores, what was left out and why. Synchronous, no I/O. */
  explain(): Explanation {
    return explainBinding(this.#context, this.#config);
  }

  /**
   * A request for which something else had to be asked first.
   *
   * @param elapsedMs - how long that took: it counts in the call's time
   * @internal
   */
  requestAfterLookup(elapsedMs: number, options: RequestOptions): Promise<ClerkResponse> {
    try {
      const context = this.#context;
      const deadline = this.#deadline(this.#subject, options.timeoutMs);
      return this.#request(
        context,
        options,
        afterDelay(deadline, elapsedMs, context.serviceTimeoutMs, this.name),
      );
    } catch (error) {
      return Promise.reject(this.#asClerkError(error));
    }
  }

  /**
   * Takes a request in undici's own form.
   *
   * @internal
   */
  dispatch(
    options: Dispatcher.DispatchOptions & CallOptions,
    handler: RequestHandler,
    tlsOnly: boolean,
  ): void {
    try {
      const affinity = this.#affinityKey(options.affinity, options.path);
      const constraints =
        tlsOnly || affinity !== undefined ? { tlsOnly: tlsOnly, affinity } : this.#noConstraints;
      const body = toUndiciBody(options.body);
      const request = body === options.body ? options : { ...options, body };
      // undici's own handlers carry their caller's context; fetch's do not.
      const scope = handler instanceof AsyncResource ? handler : new AsyncResource('CLERK_CALL');
      new HttpCall(
        this.#context,
        request,
        handler,
        this.#kind(options),
        constraints,
        this.#deadline(this.#subject, options.timeoutMs),
        scope,
      ).start();
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  #request(context: CallContext, options: RequestOptions, deadline?: CallDeadline): Promise<ClerkResponse> {
    return new Promise((resolve, reject) => {
      try {
        const request = this.#prepare(context, options, deadline);
        const handler = new ResponseHandler(request, resolve, (error) => reject(this.#asClerkError(error)));
        request.start(handler, handler);
      } catch (error) {
        reject(this.#asClerkError(error));
      }
    });
  }

  #readBody<T>(
    path: string | RequestOptions,
    otherOptions: Omit<RequestOptions, 'path'> | undefined,
    read: (body: Buffer, statusCode: number) => T,
  ): Promise<T> {
    try {
      const options = normalizeRequest(path, otherOptions, this.#subject);
      const request = this.#prepare(this.#context, options);
      const handler = new BodyCollector(
        `${request.method} ${request.path} of ${this.name}`,
        read,
        checkSignal(options.signal),
      );
      request.start(handler, handler);
      return handler.promise;
    } catch (error) {
      return Promise.reject(this.#asClerkError(error));
    }
  }

  #prepare(context: CallContext, options: RequestOptions, givenDeadline?: CallDeadline): PreparedRequest {
    checkRequest(options, this.name);
    const deadline = givenDeadline ?? this.#deadline(this.#subject, options.timeoutMs);
    const constraints =
      this.#config.affinity === undefined && options.affinity === undefined
        ? this.#noConstraints
        : this.#constraints(options.affinity, options.path);
    return new PreparedRequest(options, context, this.#kind(options), constraints, deadline);
  }

  #kind(options: {
    readonly method?: string;
    readonly kind?: unknown;
    readonly idempotent?: unknown;
  }): CallKind {
    const { kind } = options;
    if (kind !== undefined) return checkKind(kind, this.#subject) as CallKind;
    if (options.idempotent === true) return 'idempotent';
    return this.#config.kind ?? kindOfMethod(options.method ?? 'GET');
  }

  #constraints(affinity: string | undefined, path: string): PickConstraints {
    const key = this.#affinityKey(affinity, path);
    return key === undefined ? this.#noConstraints : { affinity: key, tlsOnly: false };
  }

  #affinityKey(given: unknown, path: string): string | undefined {
    if (given !== undefined && typeof given !== 'string')
      throw new ClerkError('CONFIG_INVALID', `A call of ${this.name} has an affinity that is no string`);
    if (given !== undefined) return given;
    const { affinity } = this.#config;
    if (typeof affinity !== 'function') return affinity;
    try {
      const key: unknown = affinity(path);
      if (key !== undefined && typeof key !== 'string')
        throw new TypeError(`it returned ${key instanceof Promise ? 'a promise' : quote(key)}, not a string`);
      return key;
    } catch (error) {
      throw new ClerkError(
        'CONFIG_INVALID',
        `The affinity function of ${this.name} failed: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  }

  #callSettings(
    subject: string,
    options: CallOptions,
  ): { kind: CallKind; deadline: CallDeadline; signal: AbortSignal | undefined } {
    return {
      kind: 'once',
      deadline: this.#deadline(subject, options.timeoutMs),
      signal: checkSignal(options.signal, subject),
    };
  }

  /** @throws {@link ClerkError} `CONFIG_INVALID`; `DEADLINE_EXCEEDED` when the call being served has no time left */
  #deadline(subject: string, timeoutMs: unknown): CallDeadline {
    const own =
      timeoutMs === undefined
        ? this.#defaultDeadline
        : {
            timeoutMs: checkTimeout(timeoutMs, subject),
            isExplicit: true,
            elapsedMs: 0,
            inboundLeftMs: Infinity,
            allowsRetries: true,
          };
    const inbound = currentInbound();
    return inbound === undefined ? own : capToInbound(own, inbound, this.#context.clock.now(), this.name);
  }

  #asClerkError(error: unknown): ClerkError {
    if (isClerkError(error)) return error;
    return wrapCallerError(callerErrorCode(error) ?? 'CONFIG_INVALID', this.name, error);
  }
}
