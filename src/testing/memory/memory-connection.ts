import type { DeliveredRequest, ServerSide, ServerConnection } from './server-side.js';

/** Calls `arrive` after the one-way latency. */
export type Deliver = (arrive: () => void) => void;

/** The client's end of a connection, which carries one request at a time. */
export class MemoryConnection implements ServerConnection {
  /** False after the client has closed the connection or noticed a reset. */
  isOpen = true;
  /** Time on the monotonic clock at which the connection last became idle, in ms. */
  idleSince = 0;
  /** The request in flight; undefined while the connection is idle. */
  exchange: { onConnectionLost(error: Error): void } | undefined;
  /** Called when the server resets the connection between two requests. */
  onLost: (() => void) | undefined;
  #isServerOpen = true;

  constructor(
    readonly server: ServerSide,
    readonly deliver: Deliver,
  ) {
    server.connected(this);
  }

  write(delivery: DeliveredRequest): void {
    this.deliver(() => {
      // A request that was written before the client closed the connection still arrives.
      if (this.#isServerOpen) this.server.receive(delivery);
    });
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.deliver(() => this.server.disconnected(this));
  }

  /** Resets the connection from the server. The client notices the reset after the latency. */
  reset(error: Error): void {
    if (!this.#isServerOpen) return;
    this.#isServerOpen = false;
    this.server.disconnected(this);
    this.deliver(() => {
      if (!this.isOpen) return;
      this.isOpen = false;
      if (this.exchange) this.exchange.onConnectionLost(error);
      else this.onLost?.();
    });
  }
}
