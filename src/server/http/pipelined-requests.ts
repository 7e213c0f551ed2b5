import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { maxSliceCost, type SliceQueue } from '../../core/slice-queue.js';

/** Maximum number of waiting requests per connection. A connection with more is closed. */
export const maxWaitingRequests = 16;

interface CurrentRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Requests that wait for the end of this one. */
  readonly waiting: (() => void)[];
}

/**
 * Handles the requests of a connection one at a time. The next request starts when the previous response is sent, so
 * a client that does not read occupies the memory of one response. Waiting requests of all connections run one per
 * turn of the event loop, so that they do not delay other clients.
 */
export class PipelinedRequests {
  /** The request in progress of each connection. */
  readonly #current = new WeakMap<Duplex, CurrentRequest>();
  readonly #slices: SliceQueue;
  readonly #onTooMany: (incoming: IncomingMessage) => void;

  /** @param onTooMany - called before a connection with too many waiting requests is closed */
  constructor(slices: SliceQueue, onTooMany: (incoming: IncomingMessage) => void) {
    this.#slices = slices;
    this.#onTooMany = onTooMany;
  }

  /**
   * Calls `handle` when the connection has no earlier request in progress. `handle` must respond, or destroy the
   * response.
   */
  run(incoming: IncomingMessage, outgoing: ServerResponse, handle: () => void): void {
    const { socket } = incoming;
    const waiting = this.#current.get(socket)?.waiting;
    const start = (): void => {
      this.#current.set(socket, { incoming, outgoing, waiting: waiting ?? [] });
      outgoing.on('close', () => this.#next(socket));
      handle();
    };
    if (waiting === undefined) start();
    else if (waiting.length < maxWaitingRequests) waiting.push(start);
    else if (!socket.destroyed) {
      waiting.length = 0;
      this.#onTooMany(incoming);
      socket.destroy();
    }
  }

  /**
   * Whether an error response can be sent after invalid bytes. If an earlier request still waits for its response,
   * the client would take the error for that response.
   */
  mayReject(socket: Duplex): boolean {
    const current = this.#current.get(socket);
    return current === undefined || !(current.incoming.complete || current.outgoing.headersSent);
  }

  #next(socket: Duplex): void {
    const next = socket.destroyed ? undefined : this.#current.get(socket)?.waiting.shift();
    if (next === undefined) {
      this.#current.delete(socket);
      return;
    }
    this.#slices.add(() => {
      if (!socket.destroyed) next();
      return maxSliceCost;
    });
  }
}
