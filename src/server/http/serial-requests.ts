import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { maxSliceCost, type SliceQueue } from '../../core/slice-queue.js';

/** A connection with more requests that wait for the response to an earlier one is closed. */
export const maxWaitingRequests = 16;

interface CurrentRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The requests that wait. */
  readonly waiting: (() => void)[];
}

/**
 * Handles the requests of each connection one after the other: the next one when the response to the former was sent, so
 * that a client that does not read makes the server compute and hold one response. Of all requests that have waited, one
 * is handled between two visits of the event loop, so that pipelined requests do not delay those of other clients.
 */
export class SerialRequests {
  /** For each connection with a request in progress. */
  readonly #current = new WeakMap<Duplex, CurrentRequest>();
  readonly #slices: SliceQueue;
  readonly #onTooMany: (incoming: IncomingMessage) => void;

  /** @param onTooMany - called before a connection with too many waiting requests is closed */
  constructor(slices: SliceQueue, onTooMany: (incoming: IncomingMessage) => void) {
    this.#slices = slices;
    this.#onTooMany = onTooMany;
  }

  /** Calls `handle` now or later. It must respond, or destroy the response. */
  run(incoming: IncomingMessage, outgoing: ServerResponse, handle: () => void): void {
    const { socket } = incoming;
    const waiting = this.#current.get(socket)?.waiting;
    const start = (): void => {
      this.#current.set(socket, { incoming, outgoing, waiting: waiting ?? [] });
      outgoing.once('close', () => this.#next(socket));
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
   * Whether a client would read an error response as the response to the bytes that cause it: if no request is in
   * progress, or if its body is incomplete and its response has not begun.
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
