/**
 * `binding-clerk/service`: what a called program needs, composed with the real clock, process and network.
 */
import { resolve } from 'node:path';
import type { IdempotencyStore } from '../core/idempotency-store.js';
import { retryLoop } from '../invoke/p-retry-loop.js';
import { hashParts, systemHashing } from '../runtime/hashing.js';
import { currentProcess, eventLoopActiveMs } from '../runtime/current-process.js';
import { hostAddresses } from '../runtime/host-addresses.js';
import { privateFolder } from '../runtime/private-folder.js';
import { systemClock } from '../runtime/system-clock.js';
import { httpConnection } from '../registry-client/http-connection.js';
import { undici } from '../transport/load-undici.js';
import type { Advertisement } from './advertisement.js';
import { Advertiser } from './advertiser.js';
import { LeveldbIdempotencyStore } from './at-most-once/store/leveldb-idempotency-store.js';
import {
  wrapHandler,
  type FetchHandler,
  type WrappedHandler,
  type WrapHandlerOptions,
  type NodeHandler,
} from './at-most-once/wrap-handler.js';
import type { AtMostOnceOptions } from './at-most-once/options.js';
import type { AdvertiseOptions } from './options.js';

export type {
  CallRecord,
  IdempotencyStore,
  DoneCall,
  CallResult,
  ExpiredCall,
  CallLookup,
  StoredResponse,
  InterruptedCall,
  NewCall,
  RunningCall,
} from '../core/idempotency-store.js';
export { memoryCalls, type MemoryCallsOptions } from './at-most-once/store/memory-idempotency-store.js';
export type { FetchHandler, WrappedHandler, NodeHandler } from './at-most-once/wrap-handler.js';
export type { AtMostOnceOptions } from './at-most-once/options.js';
export { ClerkError, isClerkError } from '../core/errors.js';
export type { ClerkErrorCode, ClerkErrorDetails, Execution } from '../core/errors.js';
export type { Outcome, Stage, Verdict } from '../core/outcome.js';
export type { LoadInit } from '../core/load-report.js';
export type { Advertisement, AdvertisementState } from './advertisement.js';
export type { AdvertisementEvents } from './advertisement-events.js';
export type { ServerOrAddress, ServerLike } from './server-addresses.js';
export type { AdvertiseOptions } from './options.js';

const advertiser = new Advertiser({
  clock: systemClock,
  hashing: systemHashing,
  retry: retryLoop,
  process: currentProcess,
  connect: (url) => httpConnection(url, { clock: systemClock, tls: {}, undici }),
  eventLoopActiveMs,
  hostAddresses,
});

/**
 * Registers this process as a service and renews its lease until the process ends. While the registry is
 * unreachable it retries and logs one warning; after a lost lease it registers again until that succeeds. A
 * service started by a launcher takes name, registry and ticket from the launcher.
 *
 * At SIGTERM the service is drained; then the process ends by that signal, unless the program listens for it
 * too. A program that closes its own server at SIGTERM should set `drainOnSignal: false` and await `drain()`
 * first.
 *
 * @example
 * ```ts
 * const server = createServer(handler).listen(0);
 * await advertise({ name: '/shop/orders', version: '2.1.0', address: server });
 * ```
 * @returns once the registration is durable
 * @throws {@link ClerkError} `CONFIG_INVALID` or `NAME_INVALID` when an option is invalid
 * @throws {@link ClerkError} `NAME_MISMATCH` when the name is not the launched one
 * @throws {@link ClerkError} `TICKET_REFUSED` or `FORBIDDEN` when the registry refuses the service or did not
 * launch it
 * @throws {@link ClerkError} `ABORTED` when `signal` aborts
 */
export function advertise(options: AdvertiseOptions): Promise<Advertisement> {
  return advertiser.advertise(options);
}

const silent = (): void => undefined;
const warn = (message: string): void => currentProcess.warn(message);

const wrapHandlerOptions: WrapHandlerOptions = {
  clock: systemClock,
  digest: hashParts,
  logger: { debug: silent, info: silent, warn, error: warn },
  incarnation: systemHashing.randomHex(16),
};

/**
 * Wraps a handler so that a request with an idempotency key (`clerk-call-id` or `Idempotency-Key`) runs at
 * most once, however often it is sent. The key and a fingerprint of method, target, content-type and body are
 * stored before the handler runs. The header `clerk-idempotency` of the response says what happened:
 *
 * - `replayed` the stored response of an earlier request
 * - `running` 409, that request is still running
 * - `unknown` 409, that request ended without a stored response
 * - `mismatch` 422, the fingerprint differs
 * - `expired` 410, the key is older than `windowMs`, or more than 300,000 ms ahead of the clock
 * - `elsewhere` 421, the request is meant for another instance or for an earlier epoch of this one
 *
 * A response to a request that certainly did not run has the header `clerk-not-executed: 1`. Requests without
 * a key pass unchanged. `Idempotency-Key` counts as key only in the form of `clerk-call-id`; other values are
 * left to the handler.
 *
 * The request body is buffered before the handler runs; the handler reads it as usual. The response is sent
 * as it is written, and stored without trailers. A request running when the process dies is `unknown`
 * afterwards, if the store is durable. With a store in memory, the epoch in `clerk-instance` identifies
 * requests of an earlier process. Without that header, keys created before this process started are rejected.
 *
 * @example
 * ```ts
 * const guarded = atMostOnce((request, response) => response.end('ordered'));
 * const server = createServer(guarded).listen(0);
 * await advertise({ name: '/shop/orders', address: server, atMostOnce: guarded });
 * ```
 * @typeParam H - type of the handler
 * @param handler - `(request, response) => …` of `node:http`, `node:https` or `node:http2`, or
 * `(request) => Response`; further arguments are passed on
 * @returns a handler of the same form
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 * @see [C3.5](../../docs/guarantees.md#c3-5), [C3.6](../../docs/guarantees.md#c3-6),
 * [C3.7](../../docs/guarantees.md#c3-7)
 */
export function atMostOnce<H extends NodeHandler | FetchHandler>(
  handler: H,
  options?: AtMostOnceOptions,
): WrappedHandler<H>;
/**
 * Overload for handlers with other argument types, such as those of HTTP/2 and of frameworks.
 *
 * @typeParam H - type of the handler
 */
export function atMostOnce<H extends (request: never, ...rest: never) => unknown>(
  handler: H,
  options?: AtMostOnceOptions,
): WrappedHandler<H>;
export function atMostOnce(handler: unknown, options: AtMostOnceOptions = {}): unknown {
  return wrapHandler(handler as (...args: unknown[]) => unknown, options, wrapHandlerOptions);
}

/**
 * Stores idempotency records in a folder, across restarts and crashes. A record is synced to disk before its
 * request runs; the response is synced soon after it was sent. Requires the package `classic-level`. The
 * folder belongs to this user and to one process at a time. It is created if missing, and opened when the
 * service is advertised or at the first request.
 *
 * The store belongs to one instance: advertise the service with an `id` that stays the same across restarts,
 * or retries are sent elsewhere. Opening the folder reads all records, about 1 s per 300,000 within the
 * window, and detects damaged or missing ones. After a failed write no request runs until the process is
 * restarted.
 *
 * @param folder - path, relative to the working directory
 */
export function diskCalls(folder: string): IdempotencyStore {
  return new LeveldbIdempotencyStore(resolve(folder), {
    load: () => import('classic-level'),
    prepareFolder: privateFolder,
  });
}
