/**
 * Puts a guard before a handler. Which form a call has, Node's or fetch's, is seen from what the handler is given, call
 * by call; a call without an id passes as if nobody stood there.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Clock } from '../../core/clock.js';
import { callHeaders } from '../../wire/call-headers.js';
import { fetchCall, responseOf } from './fetch-form.js';
import type { Digest } from './fingerprint.js';
import { Guard } from './guard.js';
import { memoryCalls } from './memory.js';
import { nodeCall, sendAnswer } from './node-form.js';
import type { NodeRequest, NodeResponse } from './node-types.js';
import { atMostOnceConfigOf, type AtMostOnceOptions } from './options.js';

/** A handler of requests and responses as `node:http` has them. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A handler as `fetch` would be answered. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/** What comes of a handler: one of the same type; a fetch-style one always returns a promise. */
export type Guarded<H> = H extends (request: Request, ...rest: infer A) => Response | Promise<Response>
  ? (request: Request, ...rest: A) => Promise<Response>
  : H;

/** What guarding needs of the world. */
export interface GuardingParts {
  readonly clock: Clock;
  readonly digest: Digest;
  readonly logger: Logger;
  readonly life: string;
}

type Handler = (...args: unknown[]) => unknown;

const guards = new WeakMap<object, Guard>();

/** The guard before a handler; undefined where `atMostOnce` did not make it. */
export function guardOf(handler: unknown): Guard | undefined {
  return typeof handler === 'function' ? guards.get(handler) : undefined;
}

/** See the file's header. @throws a `ClerkError` `CONFIG_INVALID` */
export function guarding(handler: Handler, options: AtMostOnceOptions, parts: GuardingParts): Handler {
  if (typeof (handler as unknown) !== 'function')
    throw new ClerkError(
      'CONFIG_INVALID',
      'atMostOnce() needs a handler: (request, response) => … or (request) => …',
    );
  const config = atMostOnceConfigOf(options);
  const guard = new Guard({
    ...parts,
    logger: config.logger ?? parts.logger,
    store: config.store ?? memoryCalls(),
    windowMs: config.windowMs,
  });

  function guarded(this: unknown, ...args: unknown[]): unknown {
    const handle = (): unknown => handler.apply(this, args);
    const { id, instance, isFetch } = formOf(args);
    if (id === undefined) return handle();
    const admitted = guard.admit(id, instance);
    if (isFetch) {
      if ('refusal' in admitted) return Promise.resolve(responseOf(admitted.refusal));
      return fetchCall(guard, admitted, args[0] as Request, config, parts.clock, handle);
    }
    const [request, response] = args as [NodeRequest, NodeResponse];
    if (!('refusal' in admitted))
      return nodeCall(guard, admitted, [request, response], config, parts.clock, handle);
    sendAnswer(response, admitted.refusal);
    return undefined;
  }
  guards.set(guarded, guard);
  return guarded;
}

function joined(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}

interface Form {
  readonly isFetch: boolean;
  readonly id: string | undefined;
  readonly instance: string | undefined;
}

function formOf([request, response]: readonly unknown[]): Form {
  const headers = (request as { readonly headers?: unknown } | null | undefined)?.headers;
  if (typeof headers === 'object' && headers !== null) {
    if (typeof (headers as Headers).get === 'function') {
      const get = (name: string): string | undefined => (headers as Headers).get(name) ?? undefined;
      return { isFetch: true, id: get(callHeaders.callId), instance: get(callHeaders.instance) };
    }
    if (typeof (response as NodeResponse | null | undefined)?.setHeader === 'function') {
      const get = (name: string): string | undefined => joined((headers as NodeRequest['headers'])[name]);
      return { isFetch: false, id: get(callHeaders.callId), instance: get(callHeaders.instance) };
    }
  }
  throw new ClerkError(
    'CONFIG_INVALID',
    'A handler of atMostOnce() was called with neither a Node request and response nor a Request',
  );
}
