/** One connection to a memory server, as its client holds it. Carries one request at a time. */
import type { DeliveredRequest, ServerSide, ServerConnection } from './server-side.js';

/** Runs something after a message's way over the network. */
export type Deliver = (arrive: () => void) => void;

/** See the file's header. */
export class MemoryConnection implements ServerConnection {
  /** Whether its client may still use it. */
  isOpen = true;
  /** When it last became idle, on the clock's scale. */
  idleSince = 0;
  /** The request that is on it. */
  exchange: { onConnectionLost(error: Error): void } | undefined;
  /** Called once, when it is lost while it is idle. */
  onLost: (() => void) | undefined;
  #isServerOpen = true;

  constructor(
    readonly server: ServerSide,
    readonly deliver: Deliver,
  ) {
    server.connected(this);
  }

  /** Its client writes a request. */
  write(delivery: DeliveredRequest): void {
    this.deliver(() => {
      // What was written arrives also when its client has hung up since.
      if (this.#isServerOpen) this.server.receive(delivery);
    });
  }

  /** Its client hangs up. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.deliver(() => {
      this.server.disconnected(this);
    });
  }

  /** Its server cuts it; the client hears of it a little later. */
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
