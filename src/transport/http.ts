/**
 * HTTP to one endpoint, over undici: HTTP/1.1 and HTTP/2, plain, TLS and unix sockets. Connections live in two pools,
 * since a call that must run at most once may only use one that is fresh or was idle for less than a second.
 *
 * The pools believe that they talk to the logical host, which gives the right `Host` header for nothing; the connector
 * underneath goes to the endpoint's address and checks the endpoint's own certificate.
 */
import type { Socket } from 'node:net';
import type { Client, Dispatcher, Pool } from 'undici';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { Channel, TransportOptions, WireHandler, WireRequest } from '../core/transport.js';
import { ownBody } from './foreign.js';
import { undici, type Undici } from './undici.js';

type Connector = ReturnType<Undici['buildConnector']>;
/** What undici's connectors do and their types do not say: they return the socket. */
type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/** Makes the channel of one endpoint. */
export function httpChannel(
  addresses: readonly Address[],
  authority: string,
  options: TransportOptions,
  clock: Clock,
): Channel {
  return new HttpChannel(addresses, authority, options, clock);
}

const probeHeaders = { 'user-agent': 'binding-clerk (probe)' };

class HttpChannel implements Channel {
  readonly #addresses: readonly Address[];
  readonly #authority: string;
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  /** Pools that finish what they have and get nothing new. */
  readonly #retired = new Set<Pool>();
  /** Addresses that were given up since one could be connected to. */
  readonly #failed = new Set<Address>();
  #index = 0;
  #closed = false;
  #usual: Pool | undefined;
  #cautious: Pool | undefined;

  constructor(addresses: readonly Address[], authority: string, options: TransportOptions, clock: Clock) {
    this.#addresses = addresses;
    this.#authority = authority;
    this.#options = options;
    this.#clock = clock;
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
    if (this.#failed.size === this.#addresses.length) this.#failed.clear();
    try {
      const pool = cautious ? (this.#cautious ??= this.#pool(true)) : (this.#usual ??= this.#pool(false));
      const { address } = this;
      // The connector checks the endpoint's own name; a name in the request would make undici reconnect for it.
      const named =
        address.protocol === 'https' ? { ...request, servername: address.hostname || 'localhost' } : request;
      const body = ownBody(named.body);
      const sent = body === named.body ? named : { ...named, body };
      pool.dispatch(sent as unknown as Dispatcher.DispatchOptions, handler);
    } catch (error) {
      handler.onError(error as Error);
    }
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
      await this.#probe(address, limitMs);
      return index;
    });
    // Any of its addresses will do, and the one that answers is the one to use.
    const index = await Promise.any(asked);
    this.#failed.clear();
    if (index === this.#index) return;
    this.#index = index;
    this.renew();
  }

  #probe(address: Address, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const client: Client = new (undici().Client)(this.#origin(address), {
        connect: this.#connector(address, true),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const timer = this.#clock.setTimer(() => {
        end(new Error(`No sign of life of ${address.text} within ${String(Math.round(limitMs))} ms`));
      }, limitMs);
      timer.setRef(false);
      function end(error?: Error): void {
        timer.cancel();
        if (error) reject(error);
        else resolve();
        void client.destroy();
      }
      const handler: WireHandler = {
        onConnect: () => undefined,
        onHeaders: (statusCode) => {
          if (statusCode >= 200)
            end(
              statusCode >= 500 && statusCode !== 501
                ? new Error(`${address.text} answers ${String(statusCode)}`)
                : undefined,
            );
          return true;
        },
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: end,
      };
      // HTTP's own ping would be `OPTIONS *`, but many a server builds a URL of what it is asked for and dies of that.
      client.dispatch({ path: '/', method: 'OPTIONS', headers: probeHeaders }, handler);
    });
  }

  withdrew(error: Error): boolean {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_HTTP2_STREAM_ERROR' && error.message.includes('NGHTTP2_REFUSED_STREAM');
  }

  renew(): void {
    for (const pool of [this.#usual, this.#cautious]) if (pool) this.#retire(pool);
    this.#usual = this.#cautious = undefined;
  }

  nextAddress(from: Address): boolean {
    this.#failed.add(from);
    // Another request has been here before and has moved on: what failed was tried on an address that is left already.
    if (!this.#failed.has(this.address)) return this.#addresses.length > 1;
    const next = this.#addresses.findIndex((address) => !this.#failed.has(address));
    this.#index = Math.max(0, next);
    this.renew();
    return next >= 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.renew();
    await Promise.all([...this.#retired].map((pool) => pool.close()));
  }

  async destroy(error: Error): Promise<void> {
    this.#closed = true;
    this.renew();
    await Promise.all([...this.#retired].map((pool) => pool.destroy(error)));
  }

  #retire(pool: Pool): void {
    this.#retired.add(pool);
    void pool.close().then(() => this.#retired.delete(pool));
  }

  #origin(address: Address): string {
    return `${address.protocol === 'https' ? 'https' : 'http'}://${this.#authority}`;
  }

  #pool(cautious: boolean): Pool {
    const { address } = this;
    return new (undici().Pool)(this.#origin(address), {
      connections: this.#options.connections,
      // The attempt's own limit is finer; what the program sets goes before it.
      headersTimeout: 0,
      // HTTP/2 only: a peer that went silent is noticed, since TCP alone would not for minutes. @see promises C2.3
      pingInterval: 1_000,
      ...this.#options.undici,
      // undici's clock for idle connections ticks every half second, so this ends within one.
      ...(cautious ? { keepAliveTimeout: 500, keepAliveMaxTimeout: 500, pipelining: 1 } : undefined),
      connect: this.#connector(address, false),
    });
  }

  /** Connects to the address whatever undici believes to talk to. `unref`: the connection keeps no process alive. */
  #connector(address: Address, unref: boolean): Connector {
    const { tls, undici: handed } = this.#options;
    const own = handed.connect as object | Connector | undefined;
    const built =
      typeof own === 'function'
        ? (own as Connector)
        : undici().buildConnector({
            ...tls,
            ...(handed.allowH2 === undefined ? undefined : { allowH2: handed.allowH2 === true }),
            ...(handed.connectTimeout === undefined
              ? undefined
              : { timeout: handed.connectTimeout as number }),
            ...own,
            ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
          } as Parameters<Undici['buildConnector']>[0]);
    const dial = built as Dial;
    const protocol = address.protocol === 'https' ? 'https:' : 'http:';
    const hostname = address.hostname || 'localhost';
    return (asked, callback) => {
      const to = {
        ...asked,
        hostname,
        host: hostname,
        port: String(address.port || ''),
        protocol,
        servername: isLiteral(hostname) ? '' : hostname,
      };
      if (unref) {
        dial(to, callback)?.unref();
        return;
      }
      dial(to, (...result) => {
        if (result[0] === null) this.#failed.clear();
        callback(...result);
      });
    };
  }
}

/** A certificate names an IP address in its own way: TLS must not be told of it as a server name. */
function isLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}

/** The channel of an endpoint that speaks no HTTP: it can be watched, not asked. */
export function rawChannel(addresses: readonly Address[], clock: Clock): Channel {
  const connector = undici().buildConnector({}) as Dial;
  let current = addresses[0] as Address;

  const dial = ({ text, hostname, port }: Address, limitMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connector(
        { hostname, host: hostname, port: String(port), protocol: 'http:' },
        (error, connected) => {
          timer.cancel();
          if (error) reject(error);
          else resolve();
          connected?.destroy();
        },
      );
      const timer = clock.setTimer(() => {
        socket?.destroy();
        reject(new Error(`No connection to ${text} within ${String(Math.round(limitMs))} ms`));
      }, limitMs);
      timer.setRef(false);
      socket?.unref();
    });
  /** Any address will do, and the one that answers is the one to use. */
  const dialAny = async (limitMs: number): Promise<void> => {
    current = await Promise.any(
      addresses.map(async (address) => {
        await dial(address, limitMs);
        return address;
      }),
    );
  };
  return {
    get address() {
      return current;
    },
    dispatch: (_request, handler) => {
      handler.onError(
        new ClerkError(
          'CONFIG_INVALID',
          `Endpoint ${current.text} speaks no HTTP; use call() or acquire() for it`,
        ),
      );
    },
    connect: () => dialAny(10_000),
    probe: dialAny,
    renew: () => undefined,
    nextAddress: () => false,
    close: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
}
