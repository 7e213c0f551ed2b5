import { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import { kindOfMethod, type CallKind } from '../core/idempotency.js';
import { currentInbound } from '../core/inbound-request.js';
import { releaseBody } from '../core/release-body.js';
import type { RequestHandler } from '../core/transport.js';
import { checkSignal, configError, rejectUnknownKeys } from '../client/option-checks.js';
import { BodyCollector } from '../invoke/body-collector.js';
import type { EndpointPicker, PickConstraints } from '../invoke/endpoint-picker.js';
import { callerErrorCode, wrapCallerError } from '../invoke/classify-error.js';
import { runCustomCall, type CallFunction } from '../invoke/custom-call.js';
import { reserveEndpoint } from '../invoke/reserve-endpoint.js';
import { afterDelay, capToInbound, type CallDeadline } from '../invoke/call-deadline.js';
import { HttpCall } from '../invoke/http-call.js';
import { ResponseHandler } from '../transport/response-handler.js';
import { acquireEndpoint, type AcquiredEndpoint } from './acquire-endpoint.js';
import { checkKind, checkOverrides, checkTimeout, type BindConfig } from './bind-config.js';
import type { Binding } from './binding.js';
import { explainBinding } from './explain-binding.js';
import type { Explanation } from './explanation.js';
import { gatherResponses, type EndpointResult } from './gather-responses.js';
import { asBytes, asText, parseJson } from './parse-body.js';
import { PreparedRequest } from './prepared-request.js';
import { copyOptions, RequestCopy } from './request-copy.js';
import {
  checkRequest,
  normalizeRequest,
  type AcquireOptions,
  type CallOptions,
  type ClerkResponse,
  type GatherOptions,
  type ReadyOptions,
  type RequestOptions,
} from './request-options.js';
import type { BindingCallContext } from './binding-call-context.js';

const readyKeys: readonly (keyof ReadyOptions)[] = ['timeoutMs', 'signal'];
const acquireKeys: readonly (keyof AcquireOptions)[] = [...readyKeys, 'affinity'];
const callKeys: readonly (keyof CallOptions)[] = [...acquireKeys, 'kind', 'attemptTimeoutMs', 'retries'];
/** Options of a request that decide how a call chooses or changes its endpoint. A request of `gather` does neither. */
const uselessGatherKeys = ['retries', 'attemptTimeoutMs', 'affinity'] as const;

/** The implementation of {@link Binding}. */
export class ServiceBinding implements Binding {
  readonly name: string;
  readonly #context: BindingCallContext;
  readonly #config: BindConfig;
  readonly #noConstraints: PickConstraints;
  readonly #defaultDeadline: CallDeadline;
  readonly #subject: string;

  constructor(context: BindingCallContext, config: BindConfig) {
    this.name = config.name;
    this.#context = context;
    this.#config = config;
    this.#subject = `Request to ${config.name}`;
    this.#defaultDeadline = Object.freeze({
      timeoutMs: config.timeoutMs,
      isExplicit: config.hasOwnTimeout,
      elapsedMs: 0,
      inboundLeftMs: Infinity,
      allowsRetries: true,
      overrides: undefined,
    });
    this.#noConstraints = Object.freeze({
      affinity: typeof config.affinity === 'string' ? config.affinity : undefined,
      tlsOnly: false,
    });
  }

  request(options: RequestOptions): Promise<ClerkResponse> {
    return this.#request(this.#context.picker, options);
  }

  json<T = unknown>(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<T> {
    return this.#readBody(path, options, (body, statusCode) => parseJson(this.name, body, statusCode) as T);
  }

  text(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<string> {
    return this.#readBody(path, options, asText);
  }

  bytes(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<Uint8Array> {
    return this.#readBody(path, options, asBytes);
  }

  call<T>(run: CallFunction<T>, options: CallOptions = {}): Promise<T> {
    try {
      if (typeof run !== 'function')
        throw new ClerkError(
          'CONFIG_INVALID',
          `The first argument of call() of ${this.name} must be a function; got ${describeValue(run)}`,
        );
      const subject = `call() of ${this.name}`;
      rejectUnknownKeys(options, callKeys, subject);
      return runCustomCall(this.#context, this.#context.picker, run, {
        ...this.#callSettings(subject, options),
        kind: checkKind(options.kind, subject) ?? this.#config.kind ?? 'once',
        constraints: this.#constraints(options.affinity, ''),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async acquire(options: AcquireOptions = {}): Promise<AcquiredEndpoint> {
    const context = this.#context;
    const subject = `acquire() of ${this.name}`;
    rejectUnknownKeys(options, acquireKeys, subject);
    const constraints = this.#constraints(options.affinity, '');
    return acquireEndpoint(
      context,
      await reserveEndpoint(context, context.picker, {
        ...this.#callSettings(subject, options),
        constraints,
      }),
    );
  }

  async gather(options: GatherOptions): Promise<EndpointResult[]> {
    return this.#gather(options);
  }

  async #gather(options: RequestOptions): Promise<EndpointResult[]> {
    try {
      checkRequest(options, this.name);
      this.#kind(options);
      const settings = { ...this.#callSettings(this.#subject, options), constraints: this.#noConstraints };
      for (const key of uselessGatherKeys)
        if (options[key] !== undefined)
          throw configError(
            `${this.#subject}: gather() sends one request to each endpoint and retries none, so ${key} has no effect; remove ${key}`,
          );
      const copy = copyOptions(options);
      return await gatherResponses(this.#context, settings, (picker, deadline) =>
        this.#request(picker, copy, deadline),
      );
    } catch (error) {
      throw this.#refuse(options, error);
    }
  }

  async ready(options: ReadyOptions = {}): Promise<void> {
    const subject = `ready() of ${this.name}`;
    rejectUnknownKeys(options, readyKeys, subject);
    const context = this.#context;
    await runCustomCall(
      context,
      context.picker,
      (endpoint, { signal }) =>
        context.picker
          .candidates()
          .matching.find((candidate) => candidate.endpoint.id === endpoint.id)
          ?.channel.connect(signal),
      {
        ...this.#callSettings(subject, options),
        kind: 'safe',
        constraints: this.#noConstraints,
        connectOnly: true,
      },
    );
  }

  explain(): Explanation {
    return explainBinding(this.#context, this.#config);
  }

  /**
   * Makes a request as {@link Binding.request} does, after a lookup that was part of the same call.
   *
   * @param elapsedMs - duration of the lookup in ms; counts against the timeout of the call
   */
  requestAfterLookup(elapsedMs: number, options: RequestOptions): Promise<ClerkResponse> {
    try {
      const context = this.#context;
      const deadline = this.#deadline(this.#subject, options);
      return this.#request(
        context.picker,
        options,
        afterDelay(deadline, elapsedMs, context.serviceTimeoutMs, this.name),
      );
    } catch (error) {
      return Promise.reject(this.#refuse(options, error));
    }
  }

  /**
   * Makes a request that undici dispatches. `handler` receives the response or the error.
   *
   * @param tlsOnly - whether the origin is `https:`, so that only endpoints with a TLS address qualify
   */
  dispatch(
    options: Dispatcher.DispatchOptions & CallOptions,
    handler: RequestHandler,
    tlsOnly: boolean,
  ): void {
    try {
      const affinity = this.#affinityKey(options.affinity, options.path);
      const constraints = tlsOnly || affinity !== undefined ? { tlsOnly, affinity } : this.#noConstraints;
      // The call runs in the async context of the caller. The handlers of `fetch` do not carry this context.
      const scope = handler instanceof AsyncResource ? handler : new AsyncResource('CLERK_CALL');
      new HttpCall(
        this.#context,
        this.#context.picker,
        new RequestCopy(options),
        handler,
        this.#kind(options),
        constraints,
        this.#deadline(this.#subject, options),
        scope,
      ).start();
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  #request(picker: EndpointPicker, options: RequestOptions, deadline?: CallDeadline): Promise<ClerkResponse> {
    return new Promise((resolve, reject) => {
      try {
        const request = this.#prepare(picker, options, deadline);
        const handler = new ResponseHandler(request, resolve, (error) => reject(this.#asClerkError(error)));
        request.start(handler, handler);
      } catch (error) {
        reject(this.#refuse(options, error));
      }
    });
  }

  #readBody<T>(
    path: string | RequestOptions,
    otherOptions: Omit<RequestOptions, 'path'> | undefined,
    read: (body: Buffer, statusCode: number) => T,
  ): Promise<T> {
    let options: RequestOptions | undefined;
    try {
      options = normalizeRequest(path, otherOptions, this.#subject);
      const request = this.#prepare(this.#context.picker, options);
      const handler = new BodyCollector(
        `${request.method} ${request.path} of ${this.name}`,
        read,
        checkSignal(options.signal, this.#subject),
      );
      request.start(handler, handler);
      const { body } = options;
      if (typeof body === 'object' && body !== null)
        handler.promise.catch((error: unknown) => releaseBody(body, error));
      return handler.promise;
    } catch (error) {
      return Promise.reject(this.#refuse(options ?? otherOptions, error));
    }
  }

  #prepare(picker: EndpointPicker, options: RequestOptions, givenDeadline?: CallDeadline): PreparedRequest {
    checkRequest(options, this.name);
    const deadline = givenDeadline ?? this.#deadline(this.#subject, options);
    const constraints =
      this.#config.affinity === undefined && options.affinity === undefined
        ? this.#noConstraints
        : this.#constraints(options.affinity, options.path);
    return new PreparedRequest(options, this.#context, picker, this.#kind(options), constraints, deadline);
  }

  #kind(options: {
    readonly method?: string | undefined;
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
      throw new ClerkError(
        'CONFIG_INVALID',
        `affinity of a call to ${this.name} must be a string; got ${describeValue(given)}`,
      );
    if (given !== undefined) return given;
    const { affinity } = this.#config;
    if (typeof affinity !== 'function') return affinity;
    try {
      const key: unknown = affinity(path);
      if (key !== undefined && typeof key !== 'string')
        throw new TypeError(
          `the function must return a string or undefined; got ${key instanceof Promise ? 'a promise' : describeValue(key)}`,
        );
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
      deadline: this.#deadline(subject, options),
      signal: checkSignal(options.signal, subject),
    };
  }

  /**
   * Returns the deadline of a call, at most the time left for the inbound request that the program is serving.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
   * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the inbound request has no time left
   */
  #deadline(
    subject: string,
    { timeoutMs, attemptTimeoutMs, retries }: Pick<CallOptions, 'timeoutMs' | 'attemptTimeoutMs' | 'retries'>,
  ): CallDeadline {
    let own = this.#defaultDeadline;
    if (timeoutMs !== undefined)
      own = { ...own, timeoutMs: checkTimeout(timeoutMs, subject), isExplicit: true };
    if (attemptTimeoutMs !== undefined || retries !== undefined)
      own = { ...own, overrides: checkOverrides({ attemptTimeoutMs, retries }, subject) };
    const inbound = currentInbound();
    return inbound === undefined ? own : capToInbound(own, inbound, this.#context.clock.now(), this.name);
  }

  /** Releases the body of a request that will not be sent, and returns the error of the request. */
  #refuse(options: { readonly body?: unknown } | undefined, error: unknown): ClerkError {
    const clerkError = this.#asClerkError(error);
    releaseBody((options as { readonly body?: unknown } | null | undefined)?.body, clerkError);
    return clerkError;
  }

  #asClerkError(error: unknown): ClerkError {
    if (isClerkError(error)) return error;
    return wrapCallerError(callerErrorCode(error) ?? 'CONFIG_INVALID', this.name, error);
  }
}
