import type { RequestHandler } from '../../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { MemoryExchange, type MemoryAttempt } from './memory-exchange.js';
import type { MemoryRequest } from './memory-request.js';

export interface MemoryPoolRequest {
  readonly request: MemoryRequest;
  readonly handler: RequestHandler;
  readonly callId: string | undefined;
  readonly attempt: MemoryAttempt | undefined;
}

export interface MemoryPoolOptions {
  readonly connections: number;
  readonly keepAliveMs: number;
  readonly now: () => number;
  /** `done` is called at most once, and never before `dial` returns. */
  readonly dial: (done: (result: MemoryConnection | Error) => void) => void;
}

/** The connections to one address, with the limits, the queue and the keep-alive of a real pool. */
export class MemoryPool {
  readonly #options: MemoryPoolOptions;
  readonly #idle: MemoryConnection[] = [];
  readonly #queue: MemoryPoolRequest[] = [];
  readonly #dialing = new Set<MemoryPoolRequest>();
  readonly #running = new Set<MemoryExchange>();
  #connections = 0;
  #retired = false;
  #drained: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;

  constructor(options: MemoryPoolOptions) {
    this.#options = options;
  }

  enqueue(pending: MemoryPoolRequest): void {
    this.#queue.push(pending);
    this.#dispatchQueued();
  }

  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) this.#closeIdle(connection);
  }

  wasReused(handler: RequestHandler): boolean {
    return [...this.#running].some(
      (exchange) => exchange.handler === handler && exchange.connection.idleSince > 0,
    );
  }

  close(): Promise<void> {
    this.retire();
    this.#drained ??= new Promise((resolve) => (this.#onDrained = resolve));
    this.#checkDrained();
    return this.#drained;
  }

  destroy(error: Error): void {
    this.retire();
    const queued = [...this.#queue.splice(0), ...this.#dialing];
    this.#dialing.clear();
    for (const exchange of [...this.#running]) exchange.abort(error);
    for (const { handler } of queued) handler.onError(error);
    this.#checkDrained();
  }

  #dispatchQueued(): void {
    for (let pending = this.#queue[0]; pending; pending = this.#queue[0]) {
      const connection = this.#takeConnection(pending.handler);
      if (!connection && this.#connections >= this.#options.connections) return;
      this.#queue.shift();
      if (connection) this.#run(connection, pending);
      else this.#dialFor(pending);
    }
    this.#checkDrained();
  }

  /** Returns undefined if the request needs a new connection, or if no connection is idle. */
  #takeConnection({ needsNewConnection }: RequestHandler): MemoryConnection | undefined {
    if (needsNewConnection !== true) return this.#takeIdle();
    if (this.#connections >= this.#options.connections) {
      const idle = this.#idle.shift();
      if (idle) this.#closeIdle(idle);
    }
    return undefined;
  }

  #takeIdle(): MemoryConnection | undefined {
    const { now, keepAliveMs } = this.#options;
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (now() - connection.idleSince < keepAliveMs) return connection;
      this.#closeIdle(connection);
    }
    return undefined;
  }

  #dialFor(pending: MemoryPoolRequest): void {
    this.#connections++;
    this.#dialing.add(pending);
    this.#options.dial((result) => {
      const isWaiting = this.#dialing.delete(pending);
      if (result instanceof Error) {
        this.#connections--;
        if (isWaiting) {
          if (pending.attempt) pending.attempt.result = 'refused';
          pending.handler.onError(result);
        }
        this.#dispatchQueued();
        return;
      }
      result.onLost = () => {
        this.#connections--;
        const index = this.#idle.indexOf(result);
        if (index >= 0) this.#idle.splice(index, 1);
      };
      if (isWaiting) this.#run(result, pending);
      else this.#release(result);
    });
  }

  #run(connection: MemoryConnection, { request, handler, attempt, callId }: MemoryPoolRequest): void {
    const exchange = new MemoryExchange(connection, request, handler, attempt, callId, () => {
      this.#running.delete(exchange);
      this.#release(connection);
    });
    this.#running.add(exchange);
    exchange.start();
  }

  #release(connection: MemoryConnection): void {
    if (!connection.isOpen) {
      this.#connections--;
    } else if (this.#retired && this.#queue.length === 0) {
      this.#closeIdle(connection);
    } else {
      connection.idleSince = this.#options.now();
      this.#idle.push(connection);
    }
    this.#dispatchQueued();
  }

  #closeIdle(connection: MemoryConnection): void {
    this.#connections--;
    connection.close();
  }

  #checkDrained(): void {
    if (this.#queue.length === 0 && this.#running.size === 0 && this.#dialing.size === 0) this.#onDrained?.();
  }
}
