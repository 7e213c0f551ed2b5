import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClerkError } from '../../core/errors.js';
import type { IdempotencyStore } from '../../core/idempotency-store.js';
import type { Logger } from '../../core/logger.js';
import type { Clock } from '../../core/clock.js';
import { callHeaders, callIdPattern, probeUserAgent } from '../../protocol/call-headers.js';
import { countCall } from './handler-activity.js';
import { handleFetchCall, toFetchResponse } from './fetch-handler.js';
import type { Digest } from './fingerprint.js';
import { IdempotencyGuard } from './idempotency-guard.js';
import { handleNodeCall, sendResponse } from './node-handler.js';
import type { NodeRequest, NodeResponse } from './node-types.js';
import { addressCaller } from './request-caller.js';
import { readHandlerArguments } from '../handler-arguments.js';
import { toAtMostOnceConfig, type AtMostOnceOptions } from './options.js';

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
  /** Returns the principal whose ticket a request has; undefined without a ticket. Default: no request has a ticket. */
  readonly principalOf?: (request: object) => string | undefined;
}

type Handler = (...args: unknown[]) => unknown;

const guards = new WeakMap<object, IdempotencyGuard>();

/** A wrapper of a handler that `atMostOnce` has wrapped can be passed to `advertise` in its place. */
export function shareGuard(handler: object, wrapper: object): void {
  const guard = guards.get(handler);
  if (guard !== undefined) guards.set(wrapper, guard);
}

export function guardOf(handler: unknown): IdempotencyGuard | undefined {
  return typeof handler === 'function' ? guards.get(handler) : undefined;
}

/** Wraps a handler with an idempotency guard. The arguments of each call show whether the handler is fetch-style. */
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

  function run(
    args: readonly unknown[],
    { id, instance, isFetch, authorization }: InboundCallHeaders,
    handle: () => unknown,
  ): unknown {
    if (id === undefined) return handle();
    const principal = runtime.principalOf?.(args[0] as object);
    const sender = [
      ...(principal === undefined ? [] : [`principal ${principal}`]),
      ...(authorization === undefined ? [] : [`authorization ${authorization}`]),
    ];
    if (isFetch) {
      const key = guard.validateKey(id, instance, principal);
      if ('status' in key) return Promise.resolve(toFetchResponse(key));
      return handleFetchCall(guard, { ...key, sender }, args[0] as Request, config, runtime.clock, handle);
    }
    const [request, response] = args as [NodeRequest, NodeResponse];
    const key = guard.validateKey(id, instance, principal ?? addressCaller(request));
    if (!('status' in key))
      return handleNodeCall(guard, { ...key, sender }, [request, response], config, runtime.clock, handle);
    sendResponse(response, key);
    return undefined;
  }
  guards.set(wrapped, guard);
  return wrapped;
}

interface InboundCallHeaders {
  readonly isFetch: boolean;
  readonly isProbe: boolean;
  readonly id: string | undefined;
  readonly instance: string | undefined;
  readonly authorization: string | undefined;
}

function readCallHeaders(args: readonly unknown[]): InboundCallHeaders {
  const { isFetch, header } = readHandlerArguments(args, 'atMostOnce()');
  const isProbe = header('user-agent') === probeUserAgent;
  return {
    ...{ isFetch, isProbe, id: readKey(header), instance: header(callHeaders.instance) },
    authorization: header('authorization'),
  };
}

/**
 * Ignores an `Idempotency-Key` without the form of a `clerk-call-id`, because the handler may use this key itself.
 */
function readKey(header: (name: string) => string | undefined): string | undefined {
  const id = header(callHeaders.callId);
  if (id !== undefined) return id;
  const key = header(callHeaders.idempotencyKey)?.replace(/^"(.*)"$/, '$1');
  return key !== undefined && callIdPattern.test(key) ? key : undefined;
}
