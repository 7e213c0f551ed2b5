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
import type { Channel, TransportOptions, WireHandler, WireRequest } from '../core/transport.js';
import { connectorTo } from './connector.js';
import { ownBody } from './foreign.js';
import { Lanes } from './lanes.js';
import { Probes } from './probe.js';
import { watchSilence } from './silence.js';
import { undici } from './undici.js';

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
  readonly #probes: Probes;
  /** Lanes that finish what they have and get nothing new. */
  readonly #retired = new Set<Lanes>();
  /** Addresses that were given up since one could be connected to. */
  readonly #failed = new Set<Address>();
  #index = 0;
  /** Every address has failed. */
  #exhausted = false;
  #closed = false;
  #usual: Lanes | undefined;
  #cautious: Lanes | undefined;

  constructor(addresses: readonly Address[], authority: string, options: TransportOptions, clock: Clock) {
    this.#addresses = addresses;
    this.#authority = authority;
    this.#options = options;
    this.#clock = clock;
    this.#probes = new Probes(clock, options);
  }

  get address(): Address {
    return this.#addresses[this.#index] as Address;
  }

  dispatch(request: WireRequest, handler: WireHandler, cautious: boolean): void {
    if (this.#closed) {
      handler.onError(new ClerkError('CLOSED', `The connections to ${this.address.text} are closed`));
      return;
    }
    // Nobody can be reached anywhere: a new request begins anew with the first.
    if (this.#exhausted) this.#forgive();
    try {
      const lanes = cautious ? (this.#cautious ??= this.#lanes(true)) : (this.#usual ??= this.#lanes(false));
      const { address } = this;
      // The connector checks the endpoint's own name; a name in the request would make undici reconnect for it.
      const named =
        address.protocol === 'https' ? { ...request, servername: address.hostname || 'localhost' } : request;
      const body = ownBody(named.body);
      const sent = body === named.body ? named : { ...named, body };
      lanes.dispatch(sent as unknown as Dispatcher.DispatchOptions, handler);
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  leave(handler: WireHandler): void {
    if (this.#cautious?.leave(handler) || this.#usual?.leave(handler)) return;
    for (const lanes of this.#retired) if (lanes.leave(handler)) return;
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = new Error('Connected, and that was all that was wanted');
      const handler: WireHandler = {
        onConnect() {
          resolve();
          throw stop;
        },
        onHeaders: () => true,
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: (error) => {
          if (error !== stop) reject(error);
        },
      };
      this.dispatch({ path: '/', method: 'HEAD' }, handler, false);
    });
  }

  async probe(limitMs: number): Promise<void> {
    const asked = this.#addresses.map(async (address, index) => {
      await this.#probes.ask(address, this.#origin(address), limitMs);
      return index;
    });
    // Any of its addresses will do, and the one that answers is the one to use.
    const index = await Promise.any(asked);
    this.#forgive();
    if (index === this.#index) return;
    this.#index = index;
    this.renew();
  }

  withdrew(error: Error): boolean {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_HTTP2_STREAM_ERROR' && error.message.includes('NGHTTP2_REFUSED_STREAM');
  }

  renew(): void {
    for (const lanes of [this.#usual, this.#cautious]) if (lanes) this.#retire(lanes);
    this.#usual = this.#cautious = undefined;
  }

  nextAddress(from: Address): boolean {
    this.#failed.add(from);
    this.#exhausted = this.#failed.size === this.#addresses.length;
    // Another request has been here before and has moved on: what failed was tried on an address that is left already.
    if (!this.#failed.has(this.address)) return this.#addresses.length > 1;
    const next = this.#addresses.findIndex((address) => !this.#failed.has(address));
    this.#index = Math.max(0, next);
    this.renew();
    return next >= 0;
  }

  async close(): Promise<void> {
    this.#close(new ClerkError('CLOSED', `The connections to ${this.address.text} are closed`));
    await Promise.all([...this.#retired].map((lanes) => lanes.close()));
  }

  async destroy(error: Error): Promise<void> {
    this.#close(error);
    await Promise.all([...this.#retired].map((lanes) => lanes.destroy(error)));
  }

  #close(error: Error): void {
    this.#closed = true;
    this.#probes.end(error);
    this.renew();
  }

  /** One can be connected to: what has failed may be tried again. */
  #forgive(): void {
    this.#failed.clear();
    this.#exhausted = false;
  }

  /** The peer of one of its connections is silent: nothing new goes there. */
  #drop(lanes: Lanes): void {
    if (this.#usual === lanes) this.#usual = undefined;
    else if (this.#cautious === lanes) this.#cautious = undefined;
    else return;
    this.#retire(lanes);
  }

  #retire(lanes: Lanes): void {
    this.#retired.add(lanes);
    void lanes.close().then(() => this.#retired.delete(lanes));
  }

  #origin(address: Address): string {
    return `${address.protocol === 'https' ? 'https' : 'http'}://${this.#authority}`;
  }

  #lanes(cautious: boolean): Lanes {
    const { address } = this;
    const { connections, undici: handed } = this.#options;
    const origin = this.#origin(address);
    const options = {
      // The attempt's own limit is finer; what the program sets goes before it.
      headersTimeout: 0,
      pingInterval: 1_000,
      ...handed,
      // undici's clock for idle connections ticks every half second, so this ends within one.
      ...(cautious ? { keepAliveTimeout: 500, keepAliveMaxTimeout: 500, pipelining: 1 } : undefined),
      connect: connectorTo(
        address,
        this.#options,
        () => undefined,
        (socket) => {
          this.#forgive();
          watchSilence(socket, this.#clock, options.pingInterval, () => this.#drop(lanes));
        },
      ),
    };
    const lanes = new Lanes({
      connections,
      pipelining: cautious ? 1 : Math.max(1, (handed.pipelining as number | undefined) ?? 1),
      ttlMs: (handed.clientTtl as number | undefined) ?? 0,
      clock: this.#clock,
      open: () => new (undici().Client)(origin, options),
    });
    return lanes;
  }
}
