import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClerkError } from '../../core/errors.js';
import type { IdempotencyStore, StoredResponse } from '../../core/idempotency-store.js';
import type { Logger } from '../../core/logger.js';
import type { Clock } from '../../core/clock.js';
import { callHeaders, callIdPattern, probeUserAgent } from '../../protocol/call-headers.js';
import { countCall } from './handler-activity.js';
import { handleFetchCall, toFetchResponse } from './fetch-handler.js';
import { parseIdempotencyKey } from './idempotency-key.js';
import type { Digest } from './fingerprint.js';
import { IdempotencyGuard, type ValidKey } from './idempotency-guard.js';
import { handleNodeCall, sendResponse } from './node-handler.js';
import type { NodeRequest, NodeResponse } from './node-types.js';
import { addressCaller } from './request-caller.js';
import { readHandlerArguments } from '../handler-arguments.js';
import { toAtMostOnceConfig, type AtMostOnceOptions } from './options.js';
import { rejections } from './rejections.js';

/** A handler of `node:http` requests and responses. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A fetch-style handler. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/** Type of a wrapped handler. A wrapped fetch-style handler always returns a promise. */
export type WrappedHandler<H> = H extends (request: Request, ...rest: infer A) => Response | Promise<Response>
  ? (request: Request, ...rest: A) => Promise<Response>
  : H;

export interface WrapHandlerOptions {
  readonly clock: Clock;
  readonly digest: Digest;
  readonly logger: Logger;
  readonly incarnation: string;
  readonly createStore: () => IdempotencyStore;
  /**
   * Returns the principal that the ticket of a request states; undefined without a ticket. Default: no request has a
   * ticket.
   */
  readonly principalOf?: (request: object) => string | undefined;
}

type Handler = (...args: unknown[]) => unknown;

const guards = new WeakMap<object, IdempotencyGuard>();

/** Lets `advertise` accept `wrapper` in place of `handler`, if `atMostOnce` returned `handler`. */
export function shareGuard(handler: object, wrapper: object): void {
  const guard = guards.get(handler);
  if (guard !== undefined) guards.set(wrapper, guard);
}

export function guardOf(handler: unknown): IdempotencyGuard | undefined {
  return typeof handler === 'function' ? guards.get(handler) : undefined;
}

/** Wraps a handler with an idempotency guard. The arguments of each request show whether the handler is fetch-style. */
export function wrapHandler(
  handler: Handler,
  options: AtMostOnceOptions,
  runtime: WrapHandlerOptions,
): Handler {
  if (typeof (handler as unknown) !== 'function')
    throw new ClerkError(
      'CONFIG_INVALID',
      'atMostOnce() needs a handler: (request, response) => … or (request) => …',
    );
  const config = toAtMostOnceConfig(options);
  const guard = new IdempotencyGuard({
    ...runtime,
    logger: config.logger ?? runtime.logger,
    store: config.store ?? runtime.createStore(),
    windowMs: config.windowMs,
  });

  function wrapped(this: unknown, ...args: unknown[]): unknown {
    const handle = (): unknown => handler.apply(this, args);
    const headers = readCallHeaders(args);
    const { activity } = guard;
    if (activity === undefined || headers.isProbe) return run(args, headers, handle);
    const response = headers.isFetch ? undefined : (args[1] as NodeResponse);
    return countCall(activity, response, () => run(args, headers, handle));
  }

  function run(args: readonly unknown[], headers: InboundCallHeaders, handle: () => unknown): unknown {
    const { isFetch, authorization } = headers;
    if (headers.id === undefined && headers.key === undefined) return handle();
    const principal = runtime.principalOf?.(args[0] as object);
    const sender = [
      ...(principal === undefined ? [] : [`principal ${principal}`]),
      ...(authorization === undefined ? [] : [`authorization ${authorization}`]),
    ];
    if (isFetch) {
      const key = keyOf(headers, principal);
      if ('status' in key) return Promise.resolve(toFetchResponse(key));
      return handleFetchCall(guard, { ...key, sender }, args[0] as Request, config, runtime.clock, handle);
    }
    const [request, response] = args as [NodeRequest, NodeResponse];
    const key = keyOf(headers, principal ?? addressCaller(request));
    if (!('status' in key))
      return handleNodeCall(guard, { ...key, sender }, [request, response], config, runtime.clock, handle);
    sendResponse(response, key);
    return undefined;
  }

  function keyOf({ id, key = '', instance }: InboundCallHeaders, caller?: string): ValidKey | StoredResponse {
    if (id !== undefined) return guard.validateKey(id, instance, caller);
    const text = parseIdempotencyKey(key);
    if (text === undefined) return rejections.malformedIdempotencyKey();
    return callIdPattern.test(text)
      ? guard.validateKey(text, instance, caller)
      : guard.undatedKey(text, caller);
  }
  guards.set(wrapped, guard);
  return wrapped;
}

interface InboundCallHeaders {
  readonly isFetch: boolean;
  readonly isProbe: boolean;
  /** Value of `clerk-call-id`. */
  readonly id: string | undefined;
  /** Value of `Idempotency-Key`. */
  readonly key: string | undefined;
  readonly instance: string | undefined;
  readonly authorization: string | undefined;
}

function readCallHeaders(args: readonly unknown[]): InboundCallHeaders {
  const { isFetch, header } = readHandlerArguments(args, 'atMostOnce()');
  const isProbe = header('user-agent') === probeUserAgent;
  return {
    ...{ isFetch, isProbe, id: header(callHeaders.callId), key: header(callHeaders.idempotencyKey) },
    instance: header(callHeaders.instance),
    authorization: header('authorization'),
  };
}
