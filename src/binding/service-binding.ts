import { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, configError } from '../core/errors.js';
import { releaseBody } from '../core/release-body.js';
import type { RequestHandler } from '../core/transport.js';
import type { ClerkFetch } from '../client/fetch.js';
import { checkOptions, checkSignal } from '../client/option-checks.js';
import { BodyCollector } from '../invoke/body-collector.js';
import type { EndpointPicker } from '../invoke/endpoint-picker.js';
import { asClerkError } from '../invoke/classify-error.js';
import { runCustomCall, type CallFunction } from '../invoke/custom-call.js';
import { reserveEndpoint } from '../invoke/reserve-endpoint.js';
import { afterDelay, type CallDeadline } from '../invoke/call-deadline.js';
import { DispatchedCall } from '../invoke/dispatched-call.js';
import { isReplayable } from '../invoke/request-body.js';
import { ResponseHandler } from '../transport/response-handler.js';
import { acquireEndpoint, type AcquiredEndpoint } from './acquire-endpoint.js';
import { checkKind, type BindConfig } from './bind-config.js';
import type { Binding } from './binding.js';
import { BoundClient } from './bound-client.js';
import { CallInterception } from './call-interception.js';
import { CallSettings } from './call-settings.js';
import { explainBinding } from './explain-binding.js';
import type { Explanation } from './explanation.js';
import { withJsonBody } from './json-body.js';
import { gatherResponses, type EndpointResult } from './gather-responses.js';
import { asBytes, asText, parseJson } from './parse-response-body.js';
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
const acquireKeys: readonly (keyof AcquireOptions)[] = [...readyKeys, 'affinity', 'waitForReady'];
const callKeys: readonly (keyof CallOptions)[] = [...acquireKeys, 'kind', 'attemptTimeoutMs', 'retries'];
/** `gather` neither chooses endpoints nor retries, so these options have no effect. */
const uselessGatherKeys = ['retries', 'attemptTimeoutMs', 'affinity'] as const;

export class ServiceBinding implements Binding {
  readonly name: string;
  readonly #context: BindingCallContext;
  readonly #config: BindConfig;
  readonly #settings: CallSettings;
  readonly #subject: string;
  /** Undefined without interceptors of calls. */
  readonly #interception: CallInterception | undefined;
  #client: BoundClient | undefined;

  constructor(context: BindingCallContext, config: BindConfig) {
    this.name = config.name;
    this.#context = context;
    this.#config = config;
    this.#subject = `Request to ${config.name}`;
    this.#settings = new CallSettings(context.clock, config);
    const { call } = context.interceptors;
    this.#interception = call.length === 0 ? undefined : new CallInterception(context, this.#settings, call);
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
      checkOptions(options, callKeys, subject);
      return runCustomCall(this.#context, this.#context.picker, run, {
        ...this.#settings.forCall(subject, options),
        kind: checkKind(options.kind, subject) ?? this.#config.kind ?? 'once',
        constraints: this.#settings.constraints(options.affinity, ''),
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async acquire(options: AcquireOptions = {}): Promise<AcquiredEndpoint> {
    const context = this.#context;
    const subject = `acquire() of ${this.name}`;
    checkOptions(options, acquireKeys, subject);
    const constraints = this.#settings.constraints(options.affinity, '');
    return acquireEndpoint(
      context,
      await reserveEndpoint(context, context.picker, {
        ...this.#settings.forCall(subject, options),
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
      this.#settings.kind(options);
      const settings = {
        ...this.#settings.forCall(this.#subject, options),
        constraints: this.#settings.noConstraints,
      };
      for (const key of uselessGatherKeys)
        if (options[key] !== undefined)
          throw configError(
            `${this.#subject}: gather() sends one request to each endpoint and retries none, so ${key} has no effect; remove ${key}`,
          );
      if (!isReplayable(options.body))
        throw configError(
          `${this.#subject}: gather() sends the body to each endpoint, but a stream or iterable can be read only once; pass a string, bytes, a Blob or FormData`,
        );
      const copy = copyOptions(withJsonBody(options, this.#subject));
      return await gatherResponses(this.#context, settings, (picker, deadline) =>
        this.#request(picker, copy, deadline),
      );
    } catch (error) {
      throw this.#refuse(options, error);
    }
  }

  async ready(options: ReadyOptions = {}): Promise<void> {
    const subject = `ready() of ${this.name}`;
    checkOptions(options, readyKeys, subject);
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
        ...this.#settings.forCall(subject, { ...options, waitForReady: true }),
        kind: 'safe',
        constraints: this.#settings.noConstraints,
        connectOnly: true,
      },
    );
  }

  get fetch(): ClerkFetch {
    return this.#boundClient.fetch;
  }

  get dispatcher(): Dispatcher {
    return this.#boundClient.dispatcher;
  }

  get #boundClient(): BoundClient {
    return (this.#client ??= new BoundClient(this, this.#context.service.clerk));
  }

  explain(): Explanation {
    return explainBinding(this.#context, this.#config);
  }

  /**
   * Makes a request as {@link Binding.request} does, after a lookup that was part of the same call. The duration of
   * the lookup counts against the timeout of the call.
   */
  requestAfterLookup(elapsedMs: number, options: RequestOptions): Promise<ClerkResponse> {
    try {
      const context = this.#context;
      const deadline = this.#settings.deadline(this.#subject, options);
      return this.#request(
        context.picker,
        options,
        afterDelay(deadline, elapsedMs, context.serviceTimeoutMs, this.name),
      );
    } catch (error) {
      return Promise.reject(this.#refuse(options, error));
    }
  }

  /** @param tlsOnly - whether only endpoints with a TLS address qualify, because the origin is `https:` */
  dispatch(
    options: Dispatcher.DispatchOptions & CallOptions,
    handler: RequestHandler,
    tlsOnly: boolean,
  ): void {
    try {
      if (typeof (options.path as unknown) !== 'string')
        throw configError(`${this.#subject}: path must be a string; got ${describeValue(options.path)}`);
      // The call runs in the async context of the caller. A handler of `fetch` does not carry this context, so the
      // context is captured here.
      const scope = handler instanceof AsyncResource ? handler : new AsyncResource('CLERK_CALL');
      if (this.#interception !== undefined) {
        this.#dispatchIntercepted(this.#interception, options, handler, scope, tlsOnly);
        return;
      }
      const affinity = this.#settings.affinityKey(options.affinity, options.path);
      const constraints =
        tlsOnly || affinity !== undefined ? { tlsOnly, affinity } : this.#settings.noConstraints;
      new DispatchedCall(
        this.#context,
        this.#context.picker,
        new RequestCopy(options),
        handler,
        this.#settings.kind(options),
        constraints,
        this.#settings.deadline(this.#subject, options),
        scope,
        this.#context.service.clerk.undici.createAbortError,
      ).start();
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  #dispatchIntercepted(
    interception: CallInterception,
    options: Dispatcher.DispatchOptions & CallOptions,
    handler: RequestHandler,
    asyncContext: AsyncResource,
    tlsOnly: boolean,
  ): void {
    this.#settings.kind(options);
    const deadline = this.#settings.deadline(this.#subject, options);
    const { picker } = this.#context;
    interception
      .open({ options, tlsOnly, picker, handler, deadline, asyncContext, convertsErrors: false })
      .start();
  }

  #request(picker: EndpointPicker, options: RequestOptions, deadline?: CallDeadline): Promise<ClerkResponse> {
    return new Promise((resolve, reject) => {
      try {
        const request = this.#prepare(picker, options, deadline);
        const handler = new ResponseHandler(request, resolve, (error) =>
          reject(asClerkError(error, this.name)),
        );
        request.start(handler, handler, this.#interception);
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
        this.#context.maxResponseSize,
      );
      request.start(handler, handler, this.#interception);
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
    const sent = withJsonBody(options, this.#subject);
    const deadline = givenDeadline ?? this.#settings.deadline(this.#subject, options);
    const constraints =
      this.#config.affinity === undefined && options.affinity === undefined
        ? this.#settings.noConstraints
        : this.#settings.constraints(options.affinity, options.path);
    return new PreparedRequest(
      sent,
      this.#context,
      picker,
      this.#settings.kind(options),
      constraints,
      deadline,
    );
  }

  #refuse(options: { readonly body?: unknown } | undefined, error: unknown): ClerkError {
    const clerkError = asClerkError(error, this.name);
    releaseBody((options as { readonly body?: unknown } | null | undefined)?.body, clerkError);
    return clerkError;
  }
}
