/**
 * HTTP to one endpoint, over undici: HTTP/1.1 and HTTP/2, plain, TLS and unix sockets. Connections live in two sets
 * of lanes, since a call that must run at most once may only use one that is fresh or was idle for less than a second.
 *
 * The clients believe that they talk to the logical host, which gives the right `Host` header for nothing; the connector
 * underneath goes to the endpoint's address and checks the endpoint's own certificate.
 */
import type { Dispatcher } from 'undici';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { Channel, TransportOptions, RequestHandler, TransportRequest } from '../core/transport.js';
import { createConnector } from './connector.js';
import { fromBuiltinBody } from './builtin-undici.js';
import { ConnectionPool } from './connection-pool.js';
import { ProbeClient } from './probe.js';
import { watchLiveness } from './h2-liveness.js';
import { undici } from './load-undici.js';

/** Makes the channel of one endpoint. */
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
  /** Lanes that finish what they have and get nothing new. */
  readonly #retiredPools = new Set<ConnectionPool>();
  /** Addresses that were given up since one could be connected to. */
  readonly #failedAddresses = new Set<Address>();
  #addressIndex = 0;
  /** Every address has failed. */
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

  dispatch(request: TransportRequest, handler: RequestHandler, cautious: boolean): void {
    if (this.#closed) {
      handler.onError(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
      return;
    }
    // Nobody can be reached anywhere: a new request begins anew with the first.
    if (this.#exhausted) this.#resetFailedAddresses();
    try {
      const pool = cautious
        ? (this.#fresh ??= this.#createPool(true))
        : (this.#shared ??= this.#createPool(false));
      const { address } = this;
      // The connector checks the endpoint's own name; a name in the request would make undici reconnect for it.
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
    for (const lanes of this.#retiredPools) if (lanes.cancel(handler)) return;
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const connectedSignal = new Error('Connected, and that was all that was wanted');
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

  async probe(limitMs: number): Promise<void> {
    const probes = this.#addresses.map(async (address, index) => {
      await this.#probeClient.probe(address, this.#originOf(address), limitMs);
      return index;
    });
    // Any of its addresses will do, and the one that answers is the one to use.
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
    for (const lanes of [this.#shared, this.#fresh]) if (lanes) this.#retirePool(lanes);
    this.#shared = this.#fresh = undefined;
  }

  nextAddress(from: Address): boolean {
    this.#failedAddresses.add(from);
    this.#exhausted = this.#failedAddresses.size === this.#addresses.length;
    // Another request has been here before and has moved on: what failed was tried on an address that is left already.
    if (!this.#failedAddresses.has(this.address)) return this.#addresses.length > 1;
    const next = this.#addresses.findIndex((address) => !this.#failedAddresses.has(address));
    this.#addressIndex = Math.max(0, next);
    this.resetConnections();
    return next >= 0;
  }

  async close(): Promise<void> {
    this.#close(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
    await Promise.all([...this.#retiredPools].map((lanes) => lanes.close()));
  }

  async destroy(error: Error): Promise<void> {
    this.#close(error);
    await Promise.all([...this.#retiredPools].map((lanes) => lanes.destroy(error)));
  }

  #close(error: Error): void {
    this.#closed = true;
    this.#probeClient.abortAll(error);
    this.resetConnections();
  }

  /** One can be connected to: what has failed may be tried again. */
  #resetFailedAddresses(): void {
    this.#failedAddresses.clear();
    this.#exhausted = false;
  }

  /** The peer of one of its connections is silent: nothing new goes there. */
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
      // The attempt's own limit is finer; what the program sets goes before it.
      headersTimeout: 0,
      pingInterval: 1_000,
      ...undiciOptions,
      // undici's clock for idle connections ticks every half second, so this ends within one.
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
