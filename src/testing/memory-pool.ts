/**
 * Connections to one address in memory, with the limits and the keep-alive of a real pool. A request that finds no
 * idle connection gets one of its own while there may be more, and waits for its turn otherwise.
 */
import type { WireHandler } from '../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { MemoryExchange, type MemoryAttempt } from './memory-exchange.js';
import type { MemoryRequest } from './memory-request.js';

/** A request that waits to be sent. */
export interface PendingRequest {
  readonly request: MemoryRequest;
  readonly handler: WireHandler;
  readonly callId: string | undefined;
  /** Where to note what becomes of it; undefined for what is no request of the program's. */
  readonly attempt: MemoryAttempt | undefined;
}

/** What a pool needs of the network. */
export interface PoolOptions {
  /** Most connections at a time. */
  readonly connections: number;
  /** Connections that were idle for as long are not used again, in ms. */
  readonly keepAliveMs: number;
  readonly now: () => number;
  /** Dials; `done` is called once, later, with a connection or the reason why there is none; perhaps never. */
  readonly dial: (done: (result: MemoryConnection | Error) => void) => void;
}

/** See the file's header. */
export class MemoryPool {
  readonly #options: PoolOptions;
  readonly #idle: MemoryConnection[] = [];
  readonly #queue: PendingRequest[] = [];
  readonly #dialing = new Set<PendingRequest>();
  readonly #running = new Set<MemoryExchange>();
  #connections = 0;
  #retired = false;
  #empty: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Sends a request when it can. */
  add(pending: PendingRequest): void {
    this.#queue.push(pending);
    this.#pump();
  }

  /** Finishes what it has, and lets its connections go. */
  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) this.#letGo(connection);
  }

  /** As {@link MemoryPool.retire}; resolves when nothing is left. */
  close(): Promise<void> {
    this.retire();
    this.#empty ??= new Promise((resolve) => (this.#onEmpty = resolve));
    this.#checkEmpty();
    return this.#empty;
  }

  /** Fails all that it has. */
  destroy(error: Error): void {
    this.retire();
    const waiting = [...this.#queue.splice(0), ...this.#dialing];
    this.#dialing.clear();
    for (const exchange of [...this.#running]) exchange.abort(error);
    for (const { handler } of waiting) handler.onError(error);
    this.#checkEmpty();
  }

  #pump(): void {
    for (let pending = this.#queue[0]; pending; pending = this.#queue[0]) {
      const connection = this.#takeIdle();
      if (!connection && this.#connections >= this.#options.connections) return;
      this.#queue.shift();
      if (connection) this.#run(connection, pending);
      else this.#dialFor(pending);
    }
    this.#checkEmpty();
  }

  #takeIdle(): MemoryConnection | undefined {
    const { now, keepAliveMs } = this.#options;
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (now() - connection.idleSince < keepAliveMs) return connection;
      this.#letGo(connection);
    }
    return undefined;
  }

  #dialFor(pending: PendingRequest): void {
    this.#connections++;
    this.#dialing.add(pending);
    this.#options.dial((result) => {
      const wanted = this.#dialing.delete(pending);
      if (result instanceof Error) {
        this.#connections--;
        if (wanted) {
          if (pending.attempt) pending.attempt.result = 'refused';
          pending.handler.onError(result);
        }
        this.#pump();
        return;
      }
      result.onLost = () => {
        this.#connections--;
        const index = this.#idle.indexOf(result);
        if (index >= 0) this.#idle.splice(index, 1);
      };
      if (wanted) this.#run(result, pending);
      else this.#free(result);
    });
  }

  #run(connection: MemoryConnection, { request, handler, attempt, callId }: PendingRequest): void {
    const exchange = new MemoryExchange(connection, request, handler, attempt, callId, () => {
      this.#running.delete(exchange);
      this.#free(connection);
    });
    this.#running.add(exchange);
    exchange.start();
  }

  /** Nothing is on the connection any more. */
  #free(connection: MemoryConnection): void {
    if (!connection.open) {
      this.#connections--;
    } else if (this.#retired && this.#queue.length === 0) {
      this.#letGo(connection);
    } else {
      connection.idleSince = this.#options.now();
      this.#idle.push(connection);
    }
    this.#pump();
  }

  #letGo(connection: MemoryConnection): void {
    this.#connections--;
    connection.close();
  }

  #checkEmpty(): void {
    if (this.#queue.length === 0 && this.#running.size === 0 && this.#dialing.size === 0) this.#onEmpty?.();
  }
}
