/**
 * For programs that offer services: advertising, draining, tickets of callers, and calls that run at most once.
 *
 * @module binding-clerk/service
 */
import { resolve } from 'node:path';
import type { IdempotencyStore } from '../core/idempotency-store.js';
import { retryLoop } from '../runtime/p-retry-loop.js';
import { acceptsConnection } from '../runtime/accepts-connection.js';
import { askInstance } from '../runtime/ask-instance.js';
import { hashParts, systemHashing } from '../runtime/hashing.js';
import { currentProcess, eventLoopActiveMs } from '../runtime/current-process.js';
import { clusterPrimary, clusterWorker } from '../runtime/cluster-process.js';
import { fillFolder } from '../runtime/replace-folder.js';
import { systemClock } from '../runtime/system-clock.js';
import { systemKeys } from '../runtime/system-keys.js';
import { openDataFolder } from '../runtime/system-data-folder.js';
import { httpConnection } from '../registry-client/http-connection.js';
import { openIdentity } from '../identity/index.js';
import { undici } from '../transport/load-undici.js';
import { PinnedRegistryDialer } from '../transport/pinned-registry-dialer.js';
import type { Advertisement } from './advertisement.js';
import type { WorkerSettings } from './cluster/cluster-messages.js';
import { startCoordination, type CoordinateWorkersOptions } from './cluster/start-coordination.js';
import { PrimaryLink } from './cluster/primary-link.js';
import { WorkerCalls } from './cluster/worker-calls.js';
import { Advertiser } from './advertiser.js';
import { salvageCallFolder, type CallSalvageReport } from './at-most-once/store/salvage-calls.js';
import { memoryCalls } from './at-most-once/store/memory-idempotency-store.js';
import { checkDiskCallsOptions, type DiskCallsOptions } from './at-most-once/store/disk-calls-options.js';
import { DiskIdempotencyStore } from './at-most-once/store/disk-idempotency-store.js';
import {
  wrapHandler,
  type FetchHandler,
  type WrappedHandler,
  type WrapHandlerOptions,
  type NodeHandler,
} from './at-most-once/wrap-handler.js';
import type { AtMostOnceOptions } from './at-most-once/options.js';
import { callerOf, knownRegistries } from './authenticate/index.js';
import type { AdvertiseOptions } from './options.js';
import { processLogger } from './service-runtime.js';

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
  StoreUsage,
} from '../core/idempotency-store.js';
export type { DiskCallsOptions } from './at-most-once/store/disk-calls-options.js';
export { memoryCalls, type MemoryCallsOptions } from './at-most-once/store/memory-idempotency-store.js';
export type { CallSalvageReport } from './at-most-once/store/salvage-calls.js';
export type { FetchHandler, WrappedHandler, NodeHandler } from './at-most-once/wrap-handler.js';
export type { AtMostOnceOptions } from './at-most-once/options.js';
export { authenticate, callerOf } from './authenticate/index.js';
export type { AuthenticatedCaller } from './authenticate/connection-tickets.js';
export type { AuthenticateOptions } from './authenticate/ticket-policy.js';
export type { AccessRight } from '../core/access-right.js';
export type {
  CheckedCredentials,
  CredentialProvider,
  Credentials,
  CredentialSource,
  KeyAlgorithm,
} from '../core/credentials.js';
export type { Identity, IdentityTlsOptions } from '../core/identity.js';
export type { KeyPin } from '../core/key-pin.js';
export { ClerkError, isClerkError } from '../core/errors.js';
export type { ClerkErrorCode, ClerkErrorDetails, Execution } from '../core/errors.js';
export type { Outcome, Stage, Verdict } from '../core/outcome.js';
export type { LoadInit } from '../core/load-report.js';
export type { Advertisement, AdvertisementEvents, AdvertisementState } from './advertisement.js';
export type { ServerOrAddress, ServerLike } from './server-addresses.js';
export type { CoordinateWorkersOptions } from './cluster/start-coordination.js';
export type { AdvertiseOptions } from './options.js';

const primaryLink =
  clusterWorker.settings === undefined
    ? undefined
    : new PrimaryLink(clusterWorker, JSON.parse(clusterWorker.settings) as WorkerSettings);

const advertiser = new Advertiser({
  cluster: { port: clusterWorker, link: primaryLink },
  clock: systemClock,
  hashing: systemHashing,
  retry: retryLoop,
  process: currentProcess,
  connect: (url, proof) =>
    httpConnection(url, {
      clock: systemClock,
      tls: {},
      undici,
      dialer:
        proof &&
        new PinnedRegistryDialer({
          pins: proof.registryKeys,
          credentials: proof.identity,
          keys: systemKeys,
          clock: systemClock,
          onStatement: proof.onStatement,
        }),
    }),
  openIdentity,
  knownRegistries,
  acceptsConnection,
  askInstance,
  eventLoopActiveMs,
});

/**
 * Registers this process as a service, and renews its lease until the advertisement or the process ends. While the
 * registry is unreachable, the registration is retried and one warning is logged. After a lost lease, the service
 * registers again. A launched service gets its name, registry and ticket from the launcher.
 *
 * If `address` is an address that does not accept a connection yet, the endpoint is registered as `starting`. Clients
 * do not call the endpoint in this state. If the service has no other endpoint, calls wait until their deadline. The
 * endpoint becomes `up` when an address accepts a connection, at the latest after 30,000 ms. Both states are logged.
 *
 * At SIGTERM and SIGINT the service drains. After that, the process ends by the same signal, unless the program has its
 * own listener for the signal. A program that closes its server itself should set `drainOnSignal: false` and await
 * `drain()` before it closes the server.
 *
 * @example
 * ```ts
 * const server = createServer(handler).listen(0);
 * await advertise({ name: '/shop/orders', version: '2.1.0', address: server });
 * ```
 * @returns the advertisement, after the registry has stored the registration durably; its state may be `starting`
 * @throws {@link ClerkError} `CONFIG_INVALID` or `NAME_INVALID` when an option is invalid
 * @throws {@link ClerkError} `NAME_MISMATCH` when the first service of a launched process has another name
 * @throws {@link ClerkError} `TICKET_REFUSED` or `FORBIDDEN` when the registry refuses the service, or is not the
 * registry that launched the service
 * @throws {@link ClerkError} `FORBIDDEN` when a live process has the given `id`
 * @throws {@link ClerkError} `ABORTED` when `signal` aborts
 * @see [C5.9](../../docs/guarantees.md#c5-9)
 */
export function advertise(options: AdvertiseOptions): Promise<Advertisement> {
  return advertiser.advertise(options);
}

const wrapHandlerOptions: WrapHandlerOptions = {
  clock: systemClock,
  digest: hashParts,
  logger: processLogger(currentProcess),
  incarnation: systemHashing.randomHex(16),
  createStore: () => (primaryLink ? new WorkerCalls(primaryLink) : memoryCalls()),
  principalOf: (request) => callerOf(request)?.principal,
};

/**
 * Makes the workers of `node:cluster` that share a listener one instance, with one registration and one store of
 * calls. Must be called in the primary, before the first `cluster.fork()`. The workers call `advertise` and
 * `atMostOnce` as usual. Without this function, `advertise` rejects in a worker that shares its port and uses
 * `atMostOnce`.
 *
 * The primary has the registration and the store. When a worker dies, the primary records the running calls of the
 * worker as interrupted, and the other workers continue to serve. The registration ends when the last worker has ended
 * or has closed its advertisement. At SIGTERM the primary drains until all workers are idle. The reported load is the
 * mean utilization of all workers, and the sums of their rates.
 *
 * @example
 * ```ts
 * if (cluster.isPrimary) {
 *   coordinateWorkers();
 *   for (let i = 0; i < 4; i++) cluster.fork();
 * } else {
 *   const guarded = atMostOnce((request, response) => response.end('ordered'));
 *   const server = createServer(guarded).listen(3000);
 *   await advertise({ name: '/shop/orders', address: server, atMostOnce: guarded });
 * }
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid, in a worker, and after the first fork
 * @see [C3.6](../../docs/guarantees.md#c3-6)
 */
export function coordinateWorkers(options: CoordinateWorkersOptions = {}): void {
  startCoordination(options, {
    port: clusterPrimary,
    wallNow: () => systemClock.wallNow(),
    randomId: () => systemHashing.randomHex(16),
    logger: processLogger(currentProcess),
    advertise,
    learnMoves: () => knownRegistries.learnMoves(),
    guard: (store) => wrapHandler(() => undefined, { store }, wrapHandlerOptions),
  });
}

/**
 * Wraps a handler so that a request with an idempotency key runs at most once, however often clients send the
 * request. The key is the header `clerk-call-id`, or the header `Idempotency-Key` with any key of 1 to 255 printable
 * characters. The key and a fingerprint of method, target, content-type and body are stored before the handler runs.
 *
 * In the following cases the handler does not run, and the response header `clerk-idempotency` states the case:
 *
 * - `replayed`: the response is the stored response of an earlier request with this key
 * - `running`: 409, an earlier request with this key is still running
 * - `unknown`: 409, an earlier request with this key has ended, and no response is stored
 * - `mismatch`: 422, an earlier request with this key has another fingerprint
 * - `expired`: 410, the key was created more than `windowMs` ago or more than 300,000 ms in the future, or the record
 *   of the key may have been removed or lost
 * - `elsewhere`: 421, the request is for another instance, or for an earlier epoch of this instance
 *
 * A response has the header `clerk-not-executed: 1` when this request certainly did not run. Requests without a key
 * pass unchanged.
 *
 * The request body is buffered before the handler runs. The response is not buffered. Trailers are not stored.
 *
 * With a durable store, a retry of a request that was running when the process died gets `unknown`. With a store in
 * memory, the records of earlier processes are lost. A request is therefore rejected if `clerk-instance` contains an
 * epoch of an earlier process. A request without `clerk-instance` is rejected if its key was created before this
 * process started.
 *
 * @example
 * ```ts
 * const guarded = atMostOnce((request, response) => response.end('ordered'));
 * const server = createServer(guarded).listen(0);
 * await advertise({ name: '/shop/orders', address: server, atMostOnce: guarded });
 * ```
 * @typeParam H - type of the handler
 * @param handler - `(request, response) => …` of `node:http`, `node:https` or `node:http2`, or `(request) =>
 *   Response`; further arguments are passed to the handler
 * @returns a handler with the same arguments
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 * @see [C3.5](../../docs/guarantees.md#c3-5), [C3.6](../../docs/guarantees.md#c3-6),
 *   [C3.7](../../docs/guarantees.md#c3-7)
 */
export function atMostOnce<H extends NodeHandler | FetchHandler>(
  handler: H,
  options?: AtMostOnceOptions,
): WrappedHandler<H>;
/**
 * Overload for handlers with other argument types, such as handlers of HTTP/2 servers and of frameworks.
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
 * Stores idempotency records in a folder, so that the records survive restarts and crashes. The record of a request
 * is synced to disk before the request runs. The response is synced soon after it was sent. The package
 * `classic-level` is required to lock the folder. Only one process at a time may use the folder. The folder is opened
 * when the service is advertised or at the first request.
 *
 * The service must have an `id` that stays the same after a restart; with another `id`, retries are rejected as
 * `elsewhere`. A folder with a damaged or missing file is rejected. In this case, `clerk salvage` copies the readable
 * records to a new folder, which refuses the requests whose records may be lost. After a failed write, requests with a
 * key are rejected until the folder can be written again. Each record needs about 130 bytes of memory.
 *
 * @param folder - path of the folder, absolute or relative to the working directory
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 */
export function diskCalls(folder: string, options: DiskCallsOptions = {}): IdempotencyStore {
  return new DiskIdempotencyStore(
    resolve(folder),
    { openFolder: openDataFolder, randomHex: (bytes) => systemHashing.randomHex(bytes) },
    checkDiskCallsOptions(options),
  );
}

/**
 * Writes the readable records of the damaged folder `from` of `diskCalls` to the new folder `to`. Reports the losses.
 * The folder `from` is not changed. After a loss, a request that the new folder does not know may have run. The new
 * folder therefore answers 410 to unknown requests whose key was created before the salvage.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when nothing can be read, or `to` exists and is not empty
 * @throws {@link ClerkError} `FORBIDDEN` when a service uses the folder `from`
 */
export function salvageCalls(from: string, to: string): Promise<CallSalvageReport> {
  return salvageCallFolder(from, to, {
    openFolder: openDataFolder,
    fillFolder,
    randomHex: (bytes) => systemHashing.randomHex(bytes),
    wallNow: () => systemClock.wallNow(),
  });
}
