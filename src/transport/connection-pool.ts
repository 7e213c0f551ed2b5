/**
 * Connections to one address, each an undici `Client`. A free one is found at once however many there are; a request
 * that finds none waits in line, first come first served, and may leave it. Nothing else is lost: every request given to
 * it is heard of by its handler, and a request that undici refuses leaves its connection as free as it was.
 *
 * undici's own `Pool` looks through all its clients for every request, and never again uses one that refused a request.
 */
import type { Client, Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import type { RequestHandler } from '../core/transport.js';
import { WaitQueue, type QueuedRequest } from './wait-queue.js';

/** What lanes are made with. */
export interface ConnectionPoolOptions {
  /** Most connections, ≥ 1. */
  readonly connections: number;
  /** Requests that one connection takes at a time, ≥ 1. */
  readonly pipelining: number;
  /** How long a connection gets new requests, in ms; 0 for ever. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Makes a client; it connects by itself when it is first used. */
  readonly createClient: () => Client;
}

interface PooledConnection {
  readonly client: Client;
  /** In the list of those that can take a request. */
  isFree: boolean;
  /** When its connection was made; 0 before. */
  connectedAt: number;
}

/** See the file's header. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  #connections: PooledConnection[] = [];
  /** The one that became free last is used next, so no more of them stay warm than are needed. */
  readonly #free: PooledConnection[] = [];
  /** Too old for new requests, with some that are not finished; each closes after its last. */
  readonly #draining = new Set<Client>();
  /** Empty whenever a lane is free. */
  readonly #queue = new WaitQueue();
  #closed: Promise<void> | undefined;
  #onQueueEmpty: (() => void) | undefined;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /** Sends a request, now or when its turn has come. Never throws. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const connection = this.#acquire();
    if (connection === undefined) this.#queue.enqueue(request, handler);
    else if (this.#send(connection, request, handler)) this.#release(connection);
  }

  /**
   * Lets a request go that still waits in line: it is not sent, and its handler hears nothing more.
   *
   * @returns whether it waited here
   */
  cancel(handler: RequestHandler): boolean {
    const wasQueued = this.#queue.cancel(handler);
    if (wasQueued && this.#queue.isEmpty) this.#onQueueEmpty?.();
    return wasQueued;
  }

  /** Lets all that were given to it finish, those in line too, then closes. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Fails everything that is not finished with `error`. */
  async destroy(error: Error): Promise<void> {
    for (let next = this.#queue.dequeue(); next; next = this.#queue.dequeue()) next.handler.onError(error);
    this.#onQueueEmpty?.();
    await Promise.all(this.#clients().map((client) => client.destroy(error)));
  }

  async #close(): Promise<void> {
    if (!this.#queue.isEmpty) await new Promise<void>((resolve) => (this.#onQueueEmpty = resolve));
    // Those that were destroyed meanwhile have no more to finish.
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
    // Its mark of being free stays, so it never comes back.
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

  /** Hands a request over. @returns whether the lane can take another one at once; else it says so by `drain` */
  #send({ client }: PooledConnection, request: Dispatcher.DispatchOptions, handler: RequestHandler): boolean {
    if (client.dispatch(request, handler)) return true;
    // undici says "no more for now" of a request that it refuses too, and no `drain` would ever follow.
    return handler.hasFailed ?? client.stats.size < this.#options.pipelining;
  }

  /** The lane can take a request: the next in line, or whoever comes. */
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

/** A request as it is to be sent after its wait. */
function requestAfterWait({ request, handler }: QueuedRequest): Dispatcher.DispatchOptions {
  return (handler.onDequeue?.(request) ?? request) as Dispatcher.DispatchOptions;
}
