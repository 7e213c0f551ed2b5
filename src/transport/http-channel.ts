import type { Dispatcher } from 'undici';
import type { Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type {
  Channel,
  ConnectionLimit,
  ProbeRequest,
  RequestHandler,
  TransportRequest,
} from '../core/transport.js';
import { addHeaders } from '../protocol/call-headers.js';
import { requestServername } from '../core/request-servername.js';
import { inPieces } from './body-pieces.js';
import { fromBuiltinBody } from './builtin-undici.js';
import { originOf, type HttpPools, type PoolUser, type SharedPool } from './http-pools.js';
import type { ProbeClient } from './probe.js';

/**
 * Calls that must run at most once use connections that are new or were idle for less than 1,000 ms. A server is
 * unlikely to close such a connection while the request arrives.
 */
export class HttpChannel implements Channel, PoolUser {
  readonly #endpoint: Endpoint;
  readonly #addresses: readonly Address[];
  readonly #authority: string;
  readonly #pools: HttpPools;
  readonly #probeClient: ProbeClient;
  /** Pools that get no new requests from this channel, but may hold earlier requests. */
  readonly #formerPools = new Set<SharedPool>();
  readonly #failedAddresses = new Set<Address>();
  #addressIndex = 0;
  #exhausted = false;
  #closed = false;
  #shared: SharedPool | undefined;
  #fresh: SharedPool | undefined;
  #origin: string;

  constructor(
    endpoint: Endpoint,
    addresses: readonly Address[],
    authority: string,
    pools: HttpPools,
    probeClient: ProbeClient,
  ) {
    this.#endpoint = endpoint;
    this.#addresses = addresses;
    this.#authority = authority;
    this.#pools = pools;
    this.#probeClient = probeClient;
    this.#origin = originOf(this.address, authority);
  }

  get address(): Address {
    return this.#addresses[this.#addressIndex] as Address;
  }

  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void {
    if (this.#closed) {
      handler.onError(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
      return;
    }
    if (this.#exhausted) this.onConnected();
    try {
      const { pool, authority } = this.#poolFor(freshOnly);
      pool.dispatch(this.#toDispatchOptions(request, authority), handler, this.#origin);
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  cancelQueued(handler: RequestHandler): void {
    for (const { pool } of this.#usedPools()) if (pool.cancel(handler)) return;
  }

  isQueued(handler: RequestHandler): boolean {
    return this.#usedPools().some(({ pool }) => pool.isQueued(handler));
  }

  queuedBy(handler: RequestHandler): ConnectionLimit | undefined {
    return this.#usedPools()
      .find(({ pool }) => pool.isQueued(handler))
      ?.pool.reachedLimit();
  }

  connect(signal?: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const connectedSignal = new Error('Connected');
      const cancel = (): void => this.cancelQueued(handler);
      const handler: RequestHandler = {
        onConnect() {
          signal?.removeEventListener('abort', cancel);
          resolve();
          throw connectedSignal;
        },
        onHeaders: () => true,
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: (error) => {
          signal?.removeEventListener('abort', cancel);
          if (error !== connectedSignal) reject(error);
        },
      };
      signal?.addEventListener('abort', cancel);
      this.dispatch({ path: '/', method: 'HEAD' }, handler, false);
    });
  }

  async probe(timeoutMs: number, request?: ProbeRequest): Promise<void> {
    const probes = this.#addresses.map(async (address, index) => {
      const target = { endpoint: this.#endpoint, address, authority: this.#authority };
      await this.#probeClient.probe(target, timeoutMs, request);
      return index;
    });
    const index = await Promise.any(probes);
    this.onConnected();
    this.#useAddress(index);
  }

  wasNotProcessed(error: Error): boolean {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_HTTP2_STREAM_ERROR' && error.message.includes('NGHTTP2_REFUSED_STREAM');
  }

  wasReused(handler: RequestHandler): boolean {
    return this.#usedPools().some(({ pool }) => pool.wasReused(handler));
  }

  resetConnections(): void {
    // A socket that is still connecting cannot be half-open, so pools without an established connection are kept.
    for (const shared of [this.#shared, this.#fresh]) {
      if (shared?.pool.hasOpen !== true) continue;
      this.#pools.replace(shared);
      this.#leave(shared);
      if (shared === this.#shared) this.#shared = undefined;
      else this.#fresh = undefined;
    }
  }

  nextAddress(from: Address): boolean {
    this.#failedAddresses.add(from);
    this.#exhausted = this.#failedAddresses.size === this.#addresses.length;
    if (!this.#failedAddresses.has(this.address)) return this.#addresses.length > 1;
    const next = this.#addresses.findIndex((address) => !this.#failedAddresses.has(address));
    this.#useAddress(Math.max(0, next));
    return next >= 0;
  }

  onConnected(): void {
    this.#failedAddresses.clear();
    this.#exhausted = false;
  }

  async close(): Promise<void> {
    this.#close(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
    await Promise.all([...this.#formerPools].map((shared) => this.#pools.release(shared, this)));
  }

  /** Also fails the requests of other names in the same pools. A clerk always destroys all its channels together. */
  async destroy(error: Error): Promise<void> {
    this.#close(error);
    await Promise.all([...this.#formerPools].map(({ pool }) => pool.destroy(error)));
  }

  #close(error: Error): void {
    this.#closed = true;
    this.#probeClient.abortAll(error);
    this.#leavePools();
  }

  #usedPools(): SharedPool[] {
    return [this.#fresh, this.#shared, ...this.#formerPools].filter((shared) => shared !== undefined);
  }

  #poolFor(freshOnly: boolean): SharedPool {
    const current = freshOnly ? this.#fresh : this.#shared;
    if (current?.isRetired === false) return current;
    if (current) this.#leave(current);
    const target = { endpoint: this.#endpoint, address: this.address, authority: this.#authority };
    const next = this.#pools.acquire(target, freshOnly, this);
    if (freshOnly) this.#fresh = next;
    else this.#shared = next;
    return next;
  }

  #useAddress(index: number): void {
    if (index === this.#addressIndex) return;
    this.#addressIndex = index;
    this.#origin = originOf(this.address, this.#authority);
    this.#leavePools();
  }

  #leavePools(): void {
    for (const shared of [this.#shared, this.#fresh]) if (shared) this.#leave(shared);
    this.#shared = this.#fresh = undefined;
  }

  #leave(shared: SharedPool): void {
    for (const former of this.#formerPools) if (former.isClosed) this.#formerPools.delete(former);
    this.#formerPools.add(shared);
    void this.#pools.release(shared, this);
  }

  /**
   * Several names may share a pool, and undici sends the host of the first name. A request to another name therefore
   * gets its own `Host` header.
   */
  #toDispatchOptions(request: TransportRequest, poolAuthority: string): Dispatcher.DispatchOptions {
    let sent = request;
    if (poolAuthority !== this.#authority) sent = addHeaders(sent, [['host', this.#authority]]);
    if (this.address.protocol === 'https' && !('servername' in sent))
      sent = { ...sent, servername: requestServername } as TransportRequest;
    const body = fromBuiltinBody(sent.body);
    if (body !== sent.body) sent = { ...sent, body };
    return inPieces(sent) as unknown as Dispatcher.DispatchOptions;
  }
}
