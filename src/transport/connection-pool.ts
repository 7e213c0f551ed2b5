import type { Client, Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import type { ConnectionLimit, RequestHandler } from '../core/transport.js';
import { isObserved } from './observed-requests.js';
import { PooledConnection, type ConnectionListener } from './pooled-connection.js';
import type { SharedOrigin } from './shared-origin.js';
import type { LimitedPool, SocketLimit } from './socket-limit.js';
import { WaitQueue, type QueuedRequest } from './wait-queue.js';

export interface ConnectionPoolOptions {
  readonly connections: number;
  readonly pipelining: number;
  /** Maximum age of a connection, in ms; 0 for no maximum. An older connection gets no new requests. */
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly sockets: SocketLimit;
  readonly origin: SharedOrigin;
  readonly createClient: (listener: ConnectionListener) => Client;
}

/**
 * Time from the start of a dial until the connecting socket is destroyed, if no request waits for the socket. With a
 * shorter time, an endpoint that connects more slowly than the attempt timeout would never get a connection.
 */
const maxUnneededDialMs = 1_000;

/**
 * Connections to one address, each an undici `Client`, and a queue of requests that wait for a free connection.
 * Replaces undici's `Pool`, which scans all its clients for each request, and no longer uses a client that has
 * rejected a request.
 */
export class ConnectionPool implements LimitedPool {
  readonly #options: ConnectionPoolOptions;
  #connections: PooledConnection[] = [];
  /** The connection that became free last is used first, so that unneeded connections stay idle and close. */
  readonly #free: PooledConnection[] = [];
  readonly #closed: PooledConnection[] = [];
  readonly #draining = new Set<Client>();
  /** Waiting requests. Empty while a connection is free. */
  readonly #queue = new WaitQueue();
  #closing: Promise<void> | undefined;
  #onQueueEmpty: (() => void) | undefined;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    options.sockets.add(this);
  }

  /**
   * Queues the request if no connection is free. Never throws.
   * @param origin - scheme, host and port, as undici states them on its diagnostics channels
   */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler, origin: string): void {
    const connection = handler.needsNewConnection === true ? this.#openNew() : this.#acquire();
    if (connection === undefined) this.#queue.enqueue({ request, handler, origin });
    else if (this.#send(connection, request, handler, origin)) this.#release(connection);
  }

  get hasOpen(): boolean {
    return this.#connections.some(({ isOpen }) => isOpen);
  }

  isQueued(handler: RequestHandler): boolean {
    return this.#queue.has(handler);
  }

  wasReused(handler: RequestHandler): boolean {
    return this.#connections.some(({ isReused, lastHandler }) => isReused && lastHandler === handler);
  }

  reachedLimit(): ConnectionLimit {
    const { connections, sockets } = this.#options;
    return sockets.isAwaitedBy(this)
      ? { option: 'maxSockets', value: sockets.maxSockets }
      : { option: 'connections', value: connections };
  }

  /**
   * Cancels an unsent request. If no other request waits for the connecting socket, the socket must connect within one
   * second after the start of its dial. A slower socket is destroyed, and `onError` of the handler is called. Returns
   * whether the request waited in this pool.
   */
  cancel(handler: RequestHandler): boolean {
    if (this.#queue.cancel(handler)) {
      if (this.#queue.isEmpty) this.#onQueueEmpty?.();
      return true;
    }
    const connection = this.#connections.find(({ waiting }) => waiting.delete(handler));
    connection?.endUnneededDial(this.#options.clock, this.#closing ? 0 : maxUnneededDialMs);
    return connection !== undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    for (const connection of this.#connections) connection.endUnneededDial(this.#options.clock, 0);
    return this.#closing;
  }

  async destroy(error: Error): Promise<void> {
    for (let next = this.#queue.dequeue(); next; next = this.#queue.dequeue()) next.handler.onError(error);
    this.#onQueueEmpty?.();
    const destroyed = this.#clients().map((client) => client.destroy(error));
    for (const connection of this.#connections) connection.stopDial(error);
    await Promise.all(destroyed);
    this.#options.sockets.remove(this);
  }

  closeIdle(): boolean {
    const idle = this.#free.find(({ isEmpty }) => isEmpty);
    if (idle) this.#drain(idle);
    const unneeded = idle ?? this.#connections.find(({ isUnneededDial }) => isUnneededDial);
    unneeded?.endUnneededDial(this.#options.clock, 0);
    return unneeded !== undefined;
  }

  onRoom(): void {
    while (!this.#queue.isEmpty) {
      const connection = this.#acquire();
      if (connection === undefined) return;
      if (this.#sendNext(connection)) this.#release(connection);
    }
  }

  sweep(): void {
    // undici itself closes idle HTTP/1.1 connections.
    for (const connection of this.#free.filter(({ isHttp2, isEmpty }) => isHttp2 && isEmpty)) {
      if (connection.usage === 'idle') this.#drain(connection);
      else connection.usage = 'idle';
    }
  }

  async #close(): Promise<void> {
    if (!this.#queue.isEmpty) await new Promise<void>((resolve) => (this.#onQueueEmpty = resolve));
    // undici rejects `close()` of a destroyed client, which has no unfinished requests.
    const remaining = this.#clients().filter((client) => !client.destroyed);
    await Promise.all(remaining.map((client) => client.close()));
    this.#options.sockets.remove(this);
  }

  #clients(): Client[] {
    return [...this.#connections.map(({ client }) => client), ...this.#draining];
  }

  #acquire(): PooledConnection | undefined {
    const { ttlMs } = this.#options;
    for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
      if (ttlMs === 0 || !this.#isExpired(connection)) {
        connection.usage = 'busy';
        return connection;
      }
      this.#drain(connection);
    }
    return this.#open();
  }

  #isExpired({ isOpen, connectedAt }: PooledConnection): boolean {
    const { ttlMs, clock } = this.#options;
    return isOpen && clock.now() - connectedAt > ttlMs;
  }

  #open(): PooledConnection | undefined {
    const { connections, sockets } = this.#options;
    if (this.#closed.length === 0 && this.#connections.length >= connections) return undefined;
    if (!sockets.tryOpen(this)) return undefined;
    const connection = this.#closed.pop() ?? this.#create();
    connection.usage = 'busy';
    connection.isCounted = true;
    return connection;
  }

  /** Like `#acquire`, but prefers a new socket. At the limit, closes an idle connection to make room for the socket. */
  #openNew(): PooledConnection | undefined {
    const { connections } = this.#options;
    if (this.#closed.length === 0 && this.#connections.length >= connections) this.closeIdle();
    return this.#open() ?? this.#acquire();
  }

  #create(): PooledConnection {
    const { createClient, clock, sockets } = this.#options;
    const connection = new PooledConnection(createClient, {
      onConnected: () => {
        connection.connectedAt = clock.now();
        if (connection.isObserved) connection.bindEvents();
        // If the socket was not counted, undici has opened it by itself, in place of a lost socket.
        if (!connection.isCounted) sockets.reopened();
        connection.isCounted = true;
        connection.waiting.clear();
      },
      onGoAway: () => this.#onGoAway(connection),
    });
    connection.client
      .on('drain', () => this.#onDrain(connection))
      .on('disconnect', () => this.#onClosed(connection))
      .on('connectionError', () => this.#onClosed(connection));
    this.#connections.push(connection);
    return connection;
  }

  #onDrain(connection: PooledConnection): void {
    const next = this.#queue.first;
    // undici writes a request that it gets during the event 'drain' only later, outside the async context of the call.
    // So wait until the event has ended.
    if (next && isObserved(next.request.body)) queueMicrotask(() => this.#release(connection));
    else this.#release(connection);
  }

  #onClosed(connection: PooledConnection): void {
    connection.isOpen = false;
    connection.waiting.clear();
    const { lastHandler } = connection;
    const { clock, pipelining } = this.#options;
    // undici opens another socket if the client still has an unwritten request. undici drops an aborted request only
    // later, but such a request does not wait for the new socket.
    if (lastHandler && !connection.isEmpty) {
      if (lastHandler.hasFailed !== true || pipelining > 1) connection.startDial(lastHandler, clock);
    } else if (connection.usage !== 'busy' && remove(this.#free, connection)) {
      connection.usage = 'free';
      this.#closed.push(connection);
    }
    this.#uncount(connection);
  }

  /** Requests in flight on the connection continue. */
  #onGoAway(connection: PooledConnection): void {
    connection.lastHandler?.onGoAway?.();
    connection.usage = 'free';
    this.#drain(connection);
    this.onRoom();
  }

  #uncount(connection: PooledConnection): void {
    if (!connection.isCounted) return;
    connection.isCounted = false;
    const { sockets } = this.#options;
    const { releasedSocket } = connection;
    if (releasedSocket) releasedSocket.once('close', () => sockets.closed());
    else sockets.closed();
  }

  /** Returns false if the connection cannot take another request now; the client emits 'drain' later. */
  #send(
    connection: PooledConnection,
    request: Dispatcher.DispatchOptions,
    handler: RequestHandler,
    origin: string,
  ): boolean {
    const { client } = connection;
    const { origin: url, pipelining, clock } = this.#options;
    connection.lastHandler = handler;
    connection.isReused = connection.isOpen;
    if (!connection.isOpen) connection.startDial(handler, clock);
    connection.isObserved = pipelining === 1 && isObserved(request.body);
    if (connection.isObserved) connection.bindEvents();
    url.origin = origin;
    if (client.dispatch(request, handler)) return true;
    // `dispatch` also returns false if undici rejects the request as invalid. No 'drain' follows, and the connection
    // can take another request at once.
    return handler.hasFailed ?? client.stats.size < pipelining;
  }

  #sendNext(connection: PooledConnection): boolean {
    const { request, handler, origin } = this.#queue.dequeue() as QueuedRequest;
    const updated = (handler.onDequeue?.(request) ?? request) as Dispatcher.DispatchOptions;
    // undici may call the `connect` function of the program, which must run in the async context of the call.
    if (handler.asyncContext && (!connection.isOpen || isObserved(request.body)))
      return handler.asyncContext.runInAsyncScope(() => this.#send(connection, updated, handler, origin));
    return this.#send(connection, updated, handler, origin);
  }

  #release(connection: PooledConnection): void {
    if (connection.usage !== 'busy') return;
    while (!this.#queue.isEmpty && this.#canSend(connection)) if (!this.#sendNext(connection)) return;
    connection.usage = 'free';
    connection.lastHandler = undefined;
    if (this.#canSend(connection)) {
      this.#free.push(connection);
      this.#makeRoom(connection);
    } else {
      connection.waiting.clear();
      this.#closed.push(connection);
      this.#uncount(connection);
      this.onRoom();
    }
    if (this.#queue.isEmpty) this.#onQueueEmpty?.();
  }

  #canSend(connection: PooledConnection): boolean {
    return connection.isOpen || !connection.isEmpty;
  }

  #makeRoom(connection: PooledConnection): void {
    const { sockets } = this.#options;
    if (!sockets.isWanted || !connection.isEmpty) return;
    sockets.closing();
    this.#drain(connection);
  }

  #drain(connection: PooledConnection): void {
    const { client } = connection;
    remove(this.#free, connection);
    this.#connections = this.#connections.filter((other) => other !== connection);
    this.#draining.add(client);
    void client.close().then(() => this.#draining.delete(client));
  }
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.lastIndexOf(item);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
