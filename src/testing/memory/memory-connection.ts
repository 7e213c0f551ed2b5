import type { DeliveredRequest, ServerSide, ServerConnection } from './server-side.js';

/** Runs a function after the network latency of one message. */
export type Deliver = (arrive: () => void) => void;

/** The client's side of one connection to a memory server. Carries one request at a time. */
export class MemoryConnection implements ServerConnection {
  /** Whether its client may still use it. */
  isOpen = true;
  /** When it last became idle, on the clock's scale. */
  idleSince = 0;
  /** The request in flight. */
  exchange: { onConnectionLost(error: Error): void } | undefined;
  /** Called once, when the idle connection is reset. */
  onLost: (() => void) | undefined;
  #isServerOpen = true;

  constructor(
    readonly server: ServerSide,
    readonly deliver: Deliver,
  ) {
    server.connected(this);
  }

  /** The client writes a request. */
  write(delivery: DeliveredRequest): void {
    this.deliver(() => {
      // A written request also arrives when the client has closed the connection since.
      if (this.#isServerOpen) this.server.receive(delivery);
    });
  }

  /** The client closes the connection. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.deliver(() => {
      this.server.disconnected(this);
    });
  }

  /** The server resets the connection; the client notices after the latency. */
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
