import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { Clock, Timer } from '../core/clock.js';
import type { TransportOptions } from '../core/transport.js';
import { ConnectionPool } from './connection-pool.js';
import { createConnector } from './connector.js';
import type { DialTarget, EndpointDialer } from './endpoint-dialer.js';
import { watchLiveness } from './h2-liveness.js';
import { sessionOf } from './h2-session.js';
import { undici } from './load-undici.js';
import { SharedOrigin } from './shared-origin.js';
import { SocketLimit } from './socket-limit.js';

/**
 * Default interval of the sweeps that close idle HTTP/2 connections. A connection closes after one to two intervals
 * without a request.
 */
const h2IdleMs = 30_000;

/** Default ping interval of HTTP/2 connections on which no bytes arrive. */
const defaultPingMs = 1_000;

export interface PoolUser {
  onConnected(): void;
}

export interface SharedPool {
  readonly pool: ConnectionPool;
  /** Host of the name that first used the pool. undici sends this host with requests that have no `Host` header. */
  readonly authority: string;
  /**
   * Whether the endpoint proves its key on each connection. If this program has a key, the program proves this key too.
   */
  readonly isProved: boolean;
  /** A retired pool gets no new requests, and closes after its last request. */
  isRetired: boolean;
  isClosed: boolean;
  /** Ping interval of HTTP/2 connections on which no bytes arrive; 0 for no pings. */
  pingMs: number;
  readonly users: Set<PoolUser>;
}

export class SharedPools {
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #dialer: EndpointDialer;
  readonly #sockets: SocketLimit;
  readonly #pools = new Map<string, SharedPool>();
  readonly #active = new Set<SharedPool>();
  #sweepTimer: Timer | undefined;

  constructor(options: TransportOptions, clock: Clock, dialer: EndpointDialer) {
    this.#options = options;
    this.#clock = clock;
    this.#dialer = dialer;
    this.#sockets = new SocketLimit(options.maxSockets);
    // The present connections have proved the former key of this program, so new requests must not use them.
    options.credentials?.onChanged(() => {
      for (const shared of [...this.#active]) if (shared.isProved) this.retire(shared);
    });
  }

  /**
   * Returns the pool for a target, and creates it if it is missing. The user must later call `release`.
   * @param freshOnly - whether connections close after 500 to 1,000 ms without a request
   */
  acquire(target: DialTarget, freshOnly: boolean, user: PoolUser): SharedPool {
    const { endpoint, address } = target;
    const kind = `${freshOnly ? 'fresh' : 'shared'} ${this.#dialer.proofOf(target)}`;
    const key = `${kind} ${address.text} ${endpoint.id}`;
    let shared = this.#pools.get(key);
    if (shared === undefined) {
      shared = this.#create(target, freshOnly);
      this.#pools.set(key, shared);
      this.#active.add(shared);
      this.#scheduleSweep();
    }
    shared.users.add(user);
    return shared;
  }

  /**
   * Removes a user of a pool, and retires the pool if no user is left. Resolves when a retired pool is closed, or at
   * once if the pool is not retired.
   */
  async release(shared: SharedPool, user: PoolUser): Promise<void> {
    shared.users.delete(user);
    if (shared.users.size === 0) this.retire(shared);
    if (shared.isRetired) await shared.pool.close();
  }

  /**
   * Gives new users another pool, because the connections of this pool may be half-open. Present users continue to use
   * this pool.
   */
  replace(shared: SharedPool): void {
    for (const [key, current] of this.#pools) if (current === shared) this.#pools.delete(key);
  }

  /** Closes the idle connections of a pool at once, and each busy connection after its last request. */
  retire(shared: SharedPool): void {
    if (shared.isRetired) return;
    shared.isRetired = true;
    this.replace(shared);
    this.#active.delete(shared);
    if (this.#active.size === 0) {
      this.#sweepTimer?.cancel();
      this.#sweepTimer = undefined;
    }
    void shared.pool.close().then(() => (shared.isClosed = true));
  }

  #create(target: DialTarget, freshOnly: boolean): SharedPool {
    const { endpoint, address, authority } = target;
    const { connections, undici: undiciOptions } = this.#options;
    const origin = new SharedOrigin(originOf(address, authority));
    const dial = this.#dialer.dial(target);
    const options = {
      // 0 turns off undici's headers timeout, since every attempt has its own timeout. The `undici` options of the
      // program may override both values.
      headersTimeout: 0,
      ...undiciOptions,
      // Turn off undici's own pings, which undici would send even while bytes arrive.
      pingInterval: 0,
      // undici looks for idle connections every 500 ms, so an idle connection closes within 1,000 ms.
      ...(freshOnly ? { keepAliveTimeout: 500, keepAliveMaxTimeout: 500, pipelining: 1 } : undefined),
    };
    const pool = new ConnectionPool({
      connections,
      pipelining: freshOnly ? 1 : Math.max(1, (undiciOptions.pipelining as number | undefined) ?? 1),
      ttlMs: (undiciOptions.clientTtl as number | undefined) ?? 0,
      clock: this.#clock,
      sockets: this.#sockets,
      origin,
      createClient: (listener) =>
        new (undici().Client)(origin, {
          ...options,
          connect: createConnector(dial, {
            onDial: (socket) => listener.onDial(socket),
            onConnected: (socket) => {
              listener.onConnected(socket);
              for (const user of shared.users) user.onConnected();
            },
            onAccepted: (socket) => {
              listener.onAccepted?.(socket);
              this.#watchLiveness(shared, socket);
            },
          }),
        }),
    });
    const shared: SharedPool = {
      pool,
      authority,
      isProved: endpoint.keys.length > 0,
      isRetired: false,
      isClosed: false,
      pingMs:
        undiciOptions.pingInterval === undefined ? defaultPingMs : (undiciOptions.pingInterval as number),
      users: new Set(),
    };
    return shared;
  }

  #watchLiveness(shared: SharedPool, socket: Socket): void {
    const session = sessionOf(socket);
    if (session === undefined) return;
    const sendPing = (): void => {
      if (!session.destroyed) session.ping(() => undefined);
    };
    watchLiveness(
      socket,
      this.#clock,
      () => shared.pingMs,
      sendPing,
      () => this.retire(shared),
    );
    // Some servers, such as gRPC servers, allow only a few pings. Stop the pings when the server sends
    // ENHANCE_YOUR_CALM.
    session.on('goaway', (code: number) => {
      if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) shared.pingMs = 0;
    });
  }

  #scheduleSweep(): void {
    const { allowH2, connect } = this.#options.undici;
    if (this.#sweepTimer !== undefined || (allowH2 !== true && typeof connect !== 'function')) return;
    this.#sweepTimer = this.#clock.setTimer(
      () => {
        this.#sweepTimer = undefined;
        for (const { pool } of this.#active) pool.sweep();
        if (this.#active.size > 0) this.#scheduleSweep();
      },
      (this.#options.undici.keepAliveTimeout as number | undefined) ?? h2IdleMs,
    );
    this.#sweepTimer.setRef(false);
  }
}

export function originOf({ protocol }: Address, authority: string): string {
  return `${protocol === 'https' ? 'https' : 'http'}://${authority}`;
}
