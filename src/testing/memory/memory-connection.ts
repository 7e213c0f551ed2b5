import type { DeliveredRequest, ServerSide, ServerConnection } from './server-side.js';

/** Calls `arrive` after the one-way latency of the network. */
export type Deliver = (arrive: () => void) => void;

/** The client's end of a connection to a memory server. A connection carries one request at a time. */
export class MemoryConnection implements ServerConnection {
  /**
   * Whether the client may still use the connection: the client has neither closed the connection nor noticed a
   * reset.
   */
  isOpen = true;
  /** When the connection last became idle, in ms on the monotonic clock. */
  idleSince = 0;
  /** The request in flight; undefined while the connection is idle. */
  exchange: { onConnectionLost(error: Error): void } | undefined;
  /** Called when the server resets the connection while no request is in flight. */
  onLost: (() => void) | undefined;
  #isServerOpen = true;

  constructor(
    readonly server: ServerSide,
    readonly deliver: Deliver,
  ) {
    server.connected(this);
  }

  /** Sends a request to the server. */
  write(delivery: DeliveredRequest): void {
    this.deliver(() => {
      // A request that was written before the client closed the connection still arrives.
      if (this.#isServerOpen) this.server.receive(delivery);
    });
  }

  /** Closes the connection from the client's end. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.deliver(() => {
      this.server.disconnected(this);
    });
  }

  /** Resets the connection from the server's end. The client notices the reset after the latency. */
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
