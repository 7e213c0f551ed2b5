import type { Dispatcher } from 'undici';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type {
  Channel,
  ProbeRequest,
  RequestHandler,
  TransportOptions,
  TransportRequest,
} from '../core/transport.js';
import { createConnector } from './connector.js';
import { fromBuiltinBody } from './builtin-undici.js';
import { ConnectionPool } from './connection-pool.js';
import { ProbeClient } from './probe.js';
import { watchLiveness } from './h2-liveness.js';
import { undici } from './load-undici.js';

/**
 * The channel to one endpoint over undici: HTTP/1.1 and HTTP/2, with or without TLS, over TCP or unix sockets. The
 * channel has two connection pools, `#shared` and `#fresh`. Calls that must run at most once use `#fresh`, whose
 * connections are new or were idle for less than 1,000 ms. A server is unlikely to close such a connection while the
 * request is on its way.
 *
 * undici gets the logical host of the service as origin and derives the `Host` header from that origin. The connector
 * ignores the origin: the connector dials the endpoint's address and checks the certificate for the host name of that
 * address.
 */
export function httpChannel(
  addresses: readonly Address[],
  authority: string,
  options: TransportOptions,
  clock: Clock,
): Channel {
  return new HttpChannel(addresses, authority, options, clock);
}

class HttpChannel implements Channel {
  readonly #addresses: readonly Address[];
  readonly #authority: string;
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #probeClient: ProbeClient;
  /** Pools that get no new requests and close after their last request. */
  readonly #retiredPools = new Set<ConnectionPool>();
  /** Addresses to which a connection has failed. The set is emptied after a successful connection or probe. */
  readonly #failedAddresses = new Set<Address>();
  #addressIndex = 0;
  /** Whether all addresses have failed. */
  #exhausted = false;
  #closed = false;
  #shared: ConnectionPool | undefined;
  #fresh: ConnectionPool | undefined;

  constructor(addresses: readonly Address[], authority: string, options: TransportOptions, clock: Clock) {
    this.#addresses = addresses;
    this.#authority = authority;
    this.#options = options;
    this.#clock = clock;
    this.#probeClient = new ProbeClient(clock, options);
  }

  get address(): Address {
    return this.#addresses[this.#addressIndex] as Address;
  }

  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void {
    if (this.#closed) {
      handler.onError(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
      return;
    }
    // After all addresses have failed, the next request starts again with the first address.
    if (this.#exhausted) this.#resetFailedAddresses();
    try {
      const pool = freshOnly
        ? (this.#fresh ??= this.#createPool(true))
        : (this.#shared ??= this.#createPool(false));
      const { address } = this;
      // undici derives the TLS server name of a request from the `Host` header, and reconnects when the connection
      // has another server name. Because the server name is set here, a request with its own `Host` header causes no
      // reconnect.
      const addressed =
        address.protocol === 'https' ? { ...request, servername: address.hostname || 'localhost' } : request;
      const body = fromBuiltinBody(addressed.body);
      const sent = body === addressed.body ? addressed : { ...addressed, body };
      pool.dispatch(sent as unknown as Dispatcher.DispatchOptions, handler);
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  cancelQueued(handler: RequestHandler): void {
    if (this.#fresh?.cancel(handler) || this.#shared?.cancel(handler)) return;
    for (const pool of this.#retiredPools) if (pool.cancel(handler)) return;
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const connectedSignal = new Error('Connected');
      const handler: RequestHandler = {
        onConnect() {
          resolve();
          throw connectedSignal;
        },
        onHeaders: () => true,
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: (error) => {
          if (error !== connectedSignal) reject(error);
        },
      };
      this.dispatch({ path: '/', method: 'HEAD' }, handler, false);
    });
  }

  async probe(timeoutMs: number, request?: ProbeRequest): Promise<void> {
    const probes = this.#addresses.map(async (address, index) => {
      await this.#probeClient.probe(address, this.#originOf(address), timeoutMs, request);
      return index;
    });
    // The first address that responds becomes the address that requests use.
    const index = await Promise.any(probes);
    this.#resetFailedAddresses();
    if (index === this.#addressIndex) return;
    this.#addressIndex = index;
    this.resetConnections();
  }

  wasNotProcessed(error: Error): boolean {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_HTTP2_STREAM_ERROR' && error.message.includes('NGHTTP2_REFUSED_STREAM');
  }

  resetConnections(): void {
    for (const pool of [this.#shared, this.#fresh]) if (pool) this.#retirePool(pool);
    this.#shared = this.#fresh = undefined;
  }

  nextAddress(from: Address): boolean {
    this.#failedAddresses.add(from);
    this.#exhausted = this.#failedAddresses.size === this.#addresses.length;
    // The current address has not failed: another request has already switched the channel to this address.
    if (!this.#failedAddresses.has(this.address)) return this.#addresses.length > 1;
    const next = this.#addresses.findIndex((address) => !this.#failedAddresses.has(address));
    this.#addressIndex = Math.max(0, next);
    this.resetConnections();
    return next >= 0;
  }

  async close(): Promise<void> {
    this.#close(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
    await Promise.all([...this.#retiredPools].map((pool) => pool.close()));
  }

  async destroy(error: Error): Promise<void> {
    this.#close(error);
    await Promise.all([...this.#retiredPools].map((pool) => pool.destroy(error)));
  }

  #close(error: Error): void {
    this.#closed = true;
    this.#probeClient.abortAll(error);
    this.resetConnections();
  }

  /**
   * Makes the failed addresses usable again. Called when a connection or probe has succeeded, or when all addresses
   * have failed.
   */
  #resetFailedAddresses(): void {
    this.#failedAddresses.clear();
    this.#exhausted = false;
  }

  /** Excludes a pool from new requests. Called when the peer of one of the pool's connections has become silent. */
  #dropPool(pool: ConnectionPool): void {
    if (this.#shared === pool) this.#shared = undefined;
    else if (this.#fresh === pool) this.#fresh = undefined;
    else return;
    this.#retirePool(pool);
  }

  #retirePool(pool: ConnectionPool): void {
    this.#retiredPools.add(pool);
    void pool.close().then(() => this.#retiredPools.delete(pool));
  }

  #originOf(address: Address): string {
    return `${address.protocol === 'https' ? 'https' : 'http'}://${this.#authority}`;
  }

  #createPool(freshOnly: boolean): ConnectionPool {
    const { address } = this;
    const { connections, undici: undiciOptions } = this.#options;
    const origin = this.#originOf(address);
    const options = {
      // 0 turns off undici's headers timeout, because every attempt has its own timeout. The program's `undici`
      // options can override `headersTimeout` and `pingInterval`.
      headersTimeout: 0,
      pingInterval: 1_000,
      ...undiciOptions,
      // undici looks for idle connections every 500 ms. With a keep-alive timeout of 500 ms, an idle connection
      // therefore closes within 1,000 ms.
      ...(freshOnly ? { keepAliveTimeout: 500, keepAliveMaxTimeout: 500, pipelining: 1 } : undefined),
      connect: createConnector(
        address,
        this.#options,
        () => undefined,
        (socket) => {
          this.#resetFailedAddresses();
          watchLiveness(socket, this.#clock, options.pingInterval, () => this.#dropPool(pool));
        },
      ),
    };
    const pool = new ConnectionPool({
      connections,
      pipelining: freshOnly ? 1 : Math.max(1, (undiciOptions.pipelining as number | undefined) ?? 1),
      ttlMs: (undiciOptions.clientTtl as number | undefined) ?? 0,
      clock: this.#clock,
      createClient: () => new (undici().Client)(origin, options),
    });
    return pool;
  }
}
