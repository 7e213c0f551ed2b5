/**
 * Puts a guard before a handler. Which form a call has, Node's or fetch's, is seen from what the handler is given, call
 * by call; a call without an id passes as if nobody stood there.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Clock } from '../../core/clock.js';
import { callHeaders } from '../../protocol/call-headers.js';
import { handleFetchCall, toFetchResponse } from './fetch-handler.js';
import type { Digest } from './fingerprint.js';
import { IdempotencyGuard } from './idempotency-guard.js';
import { memoryCalls } from './store/memory-calls.js';
import { handleNodeCall, sendResponse } from './node-handler.js';
import type { NodeRequest, NodeResponse } from './node-types.js';
import { toAtMostOnceConfig, type AtMostOnceOptions } from './options.js';

/** A handler of requests and responses as `node:http` has them. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A handler as `fetch` would be answered. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/** What comes of a handler: one of the same type; a fetch-style one always returns a promise. */
export type WrappedHandler<H> = H extends (request: Request, ...rest: infer A) => Response | Promise<Response>
  ? (request: Request, ...rest: A) => Promise<Response>
  : H;

/** What guarding needs of the world. */
export interface WrapHandlerOptions {
  readonly clock: Clock;
  readonly digest: Digest;
  readonly logger: Logger;
  readonly incarnation: string;
}

type Handler = (...args: unknown[]) => unknown;

const guards = new WeakMap<object, IdempotencyGuard>();

/** The guard before a handler; undefined where `atMostOnce` did not make it. */
export function guardOf(handler: unknown): IdempotencyGuard | undefined {
  return typeof handler === 'function' ? guards.get(handler) : undefined;
}

/** See the file's header. @throws a `ClerkError` `CONFIG_INVALID` */
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
    store: config.store ?? memoryCalls(),
    windowMs: config.windowMs,
  });

  function wrapped(this: unknown, ...args: unknown[]): unknown {
    const handle = (): unknown => handler.apply(this, args);
    const { id, instance, isFetch } = readCallHeaders(args);
    if (id === undefined) return handle();
    const key = guard.validateKey(id, instance);
    if (isFetch) {
      if ('rejection' in key) return Promise.resolve(toFetchResponse(key.rejection));
      return handleFetchCall(guard, key, args[0] as Request, config, runtime.clock, handle);
    }
    const [request, response] = args as [NodeRequest, NodeResponse];
    if (!('rejection' in key))
      return handleNodeCall(guard, key, [request, response], config, runtime.clock, handle);
    sendResponse(response, key.rejection);
    return undefined;
  }
  guards.set(wrapped, guard);
  return wrapped;
}

function joinValues(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}

interface CallHeaders {
  readonly isFetch: boolean;
  readonly id: string | undefined;
  readonly instance: string | undefined;
}

function readCallHeaders([request, response]: readonly unknown[]): CallHeaders {
  const headers = (request as { readonly headers?: unknown } | null | undefined)?.headers;
  if (typeof headers === 'object' && headers !== null) {
    if (typeof (headers as Headers).get === 'function') {
      const get = (name: string): string | undefined => (headers as Headers).get(name) ?? undefined;
      return { isFetch: true, id: get(callHeaders.callId), instance: get(callHeaders.instance) };
    }
    if (typeof (response as NodeResponse | null | undefined)?.setHeader === 'function') {
      const get = (name: string): string | undefined => joinValues((headers as NodeRequest['headers'])[name]);
      return { isFetch: false, id: get(callHeaders.callId), instance: get(callHeaders.instance) };
    }
  }
  throw new ClerkError(
    'CONFIG_INVALID',
    'A handler of atMostOnce() was called with neither a Node request and response nor a Request',
  );
}
