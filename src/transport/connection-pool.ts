import type { Client, Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import type { RequestHandler } from '../core/transport.js';
import { WaitQueue, type QueuedRequest } from './wait-queue.js';

/** Options of {@link ConnectionPool}. */
export interface ConnectionPoolOptions {
  /** Maximum number of connections, ≥ 1. */
  readonly connections: number;
  /** Maximum number of concurrent requests per connection, ≥ 1. */
  readonly pipelining: number;
  /** Maximum age of a connection that gets new requests, in ms; 0: no maximum. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Creates the undici client of a new connection. The client connects when the client gets its first request. */
  readonly createClient: () => Client;
}

interface PooledConnection {
  readonly client: Client;
  /**
   * Whether the connection is in `#free`. Stays true when the connection is removed from `#free` because of its age.
   */
  isFree: boolean;
  /** Time on the monotonic clock at which the client connected, in ms; 0 before the client has connected. */
  connectedAt: number;
}

/**
 * Connections to one address, each an undici `Client`, and a queue for requests that find no free connection. Finding
 * a free connection takes constant time. Queued requests are sent in order and can be cancelled. When undici rejects
 * a request as invalid, the connection stays usable.
 *
 * Used instead of undici's `Pool` for two reasons. `Pool` scans all its clients for each request. `Pool` also stops
 * using a client once that client has rejected a request.
 */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  #connections: PooledConnection[] = [];
  /**
   * Connections that can take another request. The connection that became free last is used first, so that
   * connections beyond the number needed stay idle and close.
   */
  readonly #free: PooledConnection[] = [];
  /**
   * Clients that get no new requests because their connections are older than `ttlMs`. Each client closes after its
   * last request.
   */
  readonly #draining = new Set<Client>();
  /** Requests that wait for a connection. The queue is empty while a connection is free. */
  readonly #queue = new WaitQueue();
  #closed: Promise<void> | undefined;
  #onQueueEmpty: (() => void) | undefined;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /** Sends a request, or queues the request when no connection is free. Never throws. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const connection = this.#acquire();
    if (connection === undefined) this.#queue.enqueue(request, handler);
    else if (this.#send(connection, request, handler)) this.#release(connection);
  }

  /**
   * Removes the request with this handler from the queue. The handler is not called again.
   *
   * @returns whether the queue contained the request
   */
  cancel(handler: RequestHandler): boolean {
    const wasQueued = this.#queue.cancel(handler);
    if (wasQueued && this.#queue.isEmpty) this.#onQueueEmpty?.();
    return wasQueued;
  }

  /** Waits until all requests, including queued requests, have ended; then closes the connections. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Fails all unfinished requests with `error` and closes the connections. */
  async destroy(error: Error): Promise<void> {
    for (let next = this.#queue.dequeue(); next; next = this.#queue.dequeue()) next.handler.onError(error);
    this.#onQueueEmpty?.();
    await Promise.all(this.#clients().map((client) => client.destroy(error)));
  }

  async #close(): Promise<void> {
    if (!this.#queue.isEmpty) await new Promise<void>((resolve) => (this.#onQueueEmpty = resolve));
    // undici rejects `close()` of a destroyed client, which has no requests left to wait for.
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
    // `isFree` of this connection stays true, so `#release` ignores the connection from now on.
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
   * Sends a request on a connection.
   *
   * @returns whether the connection can take another request now. After false, the client emits 'drain' as soon as
   * the connection can take another request.
   */
  #send({ client }: PooledConnection, request: Dispatcher.DispatchOptions, handler: RequestHandler): boolean {
    if (client.dispatch(request, handler)) return true;
    // When undici rejects a request as invalid, `dispatch` also returns false, but no 'drain' follows. The connection
    // can then take another request at once.
    return handler.hasFailed ?? client.stats.size < this.#options.pipelining;
  }

  /**
   * Sends queued requests on the connection until the connection can take no more. When the queue is empty, adds the
   * connection to `#free`.
   */
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

/**
 * Calls the handler's `onDequeue`, which may replace the request when the request leaves the queue. Returns the
 * replacement, or else the original request.
 */
function requestAfterWait({ request, handler }: QueuedRequest): Dispatcher.DispatchOptions {
  return (handler.onDequeue?.(request) ?? request) as Dispatcher.DispatchOptions;
}
