import type { Client, Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import type { RequestHandler } from '../core/transport.js';
import { WaitQueue, type QueuedRequest } from './wait-queue.js';

/** What a {@link ConnectionPool} is created with. */
export interface ConnectionPoolOptions {
  /** Maximum number of connections, ≥ 1. */
  readonly connections: number;
  /** Concurrent requests per connection, ≥ 1. */
  readonly pipelining: number;
  /** Age up to which a connection gets new requests, in ms; 0: no limit. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Creates a client, which connects at its first request. */
  readonly createClient: () => Client;
}

interface PooledConnection {
  readonly client: Client;
  /** In the list of connections that can take a request. */
  isFree: boolean;
  /** When it was connected, on the monotonic clock; 0 before that. */
  connectedAt: number;
}

/**
 * Connections to one address, each an undici `Client`, and a queue for requests that find none free. Finding
 * a free connection takes constant time. Queued requests are sent in order and can be cancelled. Every
 * request reaches its handler, and a request that undici rejects leaves its connection free.
 *
 * Replaces undici's `Pool`, which scans all its clients per request and never uses a client again that
 * rejected one.
 */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  #connections: PooledConnection[] = [];
  /**
   * The connection that became free last is used first, so that no more connections stay open than are
   * needed.
   */
  readonly #free: PooledConnection[] = [];
  /** Connections past their age with requests in flight; each closes after its last request. */
  readonly #draining = new Set<Client>();
  /** Empty whenever a connection is free. */
  readonly #queue = new WaitQueue();
  #closed: Promise<void> | undefined;
  #onQueueEmpty: (() => void) | undefined;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /** Sends a request, or queues it. Never throws. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const connection = this.#acquire();
    if (connection === undefined) this.#queue.enqueue(request, handler);
    else if (this.#send(connection, request, handler)) this.#release(connection);
  }

  /**
   * Removes a request from the queue; its handler is not called again.
   *
   * @returns whether it was queued here
   */
  cancel(handler: RequestHandler): boolean {
    const wasQueued = this.#queue.cancel(handler);
    if (wasQueued && this.#queue.isEmpty) this.#onQueueEmpty?.();
    return wasQueued;
  }

  /** Finishes all requests, queued ones included, then closes. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Fails all unfinished requests with `error`. */
  async destroy(error: Error): Promise<void> {
    for (let next = this.#queue.dequeue(); next; next = this.#queue.dequeue()) next.handler.onError(error);
    this.#onQueueEmpty?.();
    await Promise.all(this.#clients().map((client) => client.destroy(error)));
  }

  async #close(): Promise<void> {
    if (!this.#queue.isEmpty) await new Promise<void>((resolve) => (this.#onQueueEmpty = resolve));
    // Destroyed clients have nothing left to finish.
    const remaining = this.#clients().filter((client) => !client.destroyed);
    await Promise.all(remaining.map((client) => client.close()));
  }

  #clients(): Client[] {
    return [...this.#connections.map(({ client }) => client), ...this.#draining];
  }

  #acquire(): PooledConnection | undefined {
    const { ttlMs, connections } = this.#options;
    for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
      if (ttlMs === 0 || !this.#isExpired(connection)) {
        connection.isFree = false;
        return connection;
      }
      this.#drain(connection);
    }
    return this.#connections.length < connections ? this.#open() : undefined;
  }

  #drain(connection: PooledConnection): void {
    const { client } = connection;
    // Its `isFree` stays true, so it is never released again.
    this.#connections = this.#connections.filter((other) => other !== connection);
    this.#draining.add(client);
    void client.close().then(() => this.#draining.delete(client));
  }

  #isExpired({ connectedAt }: PooledConnection): boolean {
    const { ttlMs, clock } = this.#options;
    return connectedAt > 0 && clock.now() - connectedAt > ttlMs;
  }

  #open(): PooledConnection {
    const connection: PooledConnection = {
      client: this.#options.createClient(),
      isFree: false,
      connectedAt: 0,
    };
    connection.client.on('drain', () => this.#release(connection));
    connection.client.on('connect', () => (connection.connectedAt = this.#options.clock.now()));
    this.#connections.push(connection);
    return connection;
  }

  /**
   * Sends a request.
   *
   * @returns whether the connection can take another one now; if not, it emits 'drain' later
   */
  #send({ client }: PooledConnection, request: Dispatcher.DispatchOptions, handler: RequestHandler): boolean {
    if (client.dispatch(request, handler)) return true;
    // undici also returns false for a request that it rejects, and emits no 'drain' then.
    return handler.hasFailed ?? client.stats.size < this.#options.pipelining;
  }

  /** The connection can take a request: the next queued one, or a later one. */
  #release(connection: PooledConnection): void {
    while (!connection.isFree) {
      const next = this.#queue.dequeue();
      if (next === undefined) {
        connection.isFree = true;
        this.#free.push(connection);
        this.#onQueueEmpty?.();
      } else if (!this.#send(connection, requestAfterWait(next), next.handler)) {
        return;
      }
    }
  }
}

/** Lets the handler update the request after its time in the queue. */
function requestAfterWait({ request, handler }: QueuedRequest): Dispatcher.DispatchOptions {
  return (handler.onDequeue?.(request) ?? request) as Dispatcher.DispatchOptions;
}
