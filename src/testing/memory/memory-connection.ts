import type { DeliveredRequest, ServerSide, ServerConnection } from './server-side.js';

export type Deliver = (arrive: () => void) => void;

/** The client's end of a connection, which carries one request at a time. */
export class MemoryConnection implements ServerConnection {
  isOpen = true;
  /** When the last request on this connection ended, on the monotonic clock; 0 before that. */
  idleSince = 0;
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
