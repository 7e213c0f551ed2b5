/**
 * `binding-clerk/service`: what a program does that is called by others. Puts the doors to the real world together;
 * everything else is in the files beside it.
 */
import { resolve } from 'node:path';
import type { IdempotencyStore } from '../core/idempotency-store.js';
import { retryLoop } from '../invoke/p-retry-loop.js';
import { hashParts, systemHashing } from '../runtime/hashing.js';
import { eventLoopActiveMs, hostAddresses, currentProcess } from '../runtime/current-process.js';
import { privateFolder } from '../runtime/private-folder.js';
import { systemClock } from '../runtime/system-clock.js';
import { httpConnection } from '../registry-client/http-connection.js';
import type { Advertisement } from './advertisement.js';
import { Advertiser } from './advertiser.js';
import { DiskCalls } from './at-most-once/store/disk-calls.js';
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
export { memoryCalls, type MemoryCallsOptions } from './at-most-once/store/memory-calls.js';
export type { FetchHandler, WrappedHandler, NodeHandler } from './at-most-once/wrap-handler.js';
export type { AtMostOnceOptions } from './at-most-once/options.js';
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
  connect: (url) => httpConnection(url, { clock: systemClock, tls: {} }),
  eventLoopActiveMs,
  hostAddresses,
});

/**
 * Tells the registry that this process runs a service, and goes on telling it for as long as the process lives. While
 * the registry cannot be reached it waits, and says so once; after a loss it registers again for ever. A service that a
 * launcher started takes its name, its registry and its ticket from there.
 *
 * At SIGTERM the service is drained first; then the process ends by that signal, unless the program listens for it too.
 * A program that closes its own server at SIGTERM should set `drainOnSignal: false` and await `drain()` before that.
 *
 * @example
 * ```ts
 * const server = createServer(handler).listen(0);
 * await advertise({ name: '/shop/orders', version: '2.1.0', address: server });
 * ```
 * @returns once the registration is durable
 * @throws a `ClerkError`: `CONFIG_INVALID`, `NAME_INVALID` for what cannot work; `NAME_MISMATCH` for another name than
 * the launcher's; `TICKET_REFUSED`, `FORBIDDEN` when the registry will not have it, or is not the one that launched it;
 * `ABORTED`
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
 * Puts a guard before a handler, so that a call with an id (`clerk-call-id`) runs at most once, however often it is
 * sent. The call is written down with a fingerprint of its method, target, content-type and body before the handler
 * runs. A repeat gets the answer that was given (`clerk-idempotency: replayed`); 409 while it runs (`running`) and when nobody
 * knows how it ended (`unknown`); 422 when it asks for something else (`mismatch`). An id older than `windowMs`, or more
 * than five minutes ahead, is refused with 410 (`expired`); what is meant for another instance or an earlier life of
 * this one with 421 (`elsewhere`). Where a request certainly did not run, the answer says `clerk-not-executed: 1`.
 * Requests without an id pass untouched.
 *
 * The body of a call is read before the handler runs, which then reads it as ever. An answer goes to the client as it is
 * written and is kept beside; trailers are not. What runs when the process dies is `unknown` afterwards, if the store
 * outlives that; otherwise the epoch in `clerk-instance` tells what may have run before, and where it is not sent, ids
 * made before this process began to remember are refused.
 *
 * @example
 * ```ts
 * const guarded = atMostOnce((request, response) => response.end('ordered'));
 * const server = createServer(guarded).listen(0);
 * await advertise({ name: '/shop/orders', address: server, atMostOnce: guarded });
 * ```
 * @typeParam H - what the handler is
 * @param handler - `(request, response) => …` of `node:http`, `node:https` or `node:http2`, or `(request) => Response`;
 * more arguments are passed on
 * @returns a handler of the same form
 * @throws a `ClerkError` `CONFIG_INVALID`
 * @see promises C3.5, C3.6, C3.7
 */
export function atMostOnce<H extends NodeHandler | FetchHandler>(
  handler: H,
  options?: AtMostOnceOptions,
): WrappedHandler<H>;
/**
 * The same for handlers with other arguments: those of HTTP/2, of frameworks, with more of them.
 *
 * @typeParam H - what the handler is
 */
export function atMostOnce<H extends (request: never, ...rest: never) => unknown>(
  handler: H,
  options?: AtMostOnceOptions,
): WrappedHandler<H>;
export function atMostOnce(handler: unknown, options: AtMostOnceOptions = {}): unknown {
  return wrapHandler(handler as (...args: unknown[]) => unknown, options, wrapHandlerOptions);
}

/**
 * Remembers calls in a folder, over restarts and crashes: before a call runs it is on the disk, synced, and so is its
 * answer soon after it was given. Needs the package `classic-level`. The folder belongs to this user and one process at
 * a time; it is made where it is not there, and opened when the service is advertised or the first call comes.
 *
 * It is the memory of one instance: advertise the service under an `id` that stays the same over restarts, or nobody
 * sends its repeats there. Records of the folder that are damaged or missing are found when it is opened, which reads
 * all of them: about a second for each 300,000 calls within the window. After a write that failed nothing runs any more
 * until the process is started again.
 *
 * @param folder - relative to the working directory
 */
export function diskCalls(folder: string): IdempotencyStore {
  return new DiskCalls(resolve(folder), {
    load: () => import('classic-level'),
    prepareFolder: privateFolder,
  });
}
