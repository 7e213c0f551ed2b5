/** One connection to a memory server, as its client holds it. Carries one request at a time. */
import type { Delivery, Host, Wire } from './memory-wire.js';

/** Runs something after a message's way over the network. */
export type Carry = (arrive: () => void) => void;

/** See the file's header. */
export class MemoryConnection implements Wire {
  /** Whether its client may still use it. */
  open = true;
  /** When it last became idle, on the clock's scale. */
  idleSince = 0;
  /** The request that is on it. */
  exchange: { lose(error: Error): void } | undefined;
  /** Called once, when it is lost while it is idle. */
  onLost: (() => void) | undefined;
  #serverHasIt = true;

  constructor(
    readonly server: Host,
    readonly carry: Carry,
  ) {
    server.connected(this);
  }

  /** Its client writes a request. */
  write(delivery: Delivery): void {
    this.carry(() => {
      // What was written arrives also when its client has hung up since.
      if (this.#serverHasIt) this.server.receive(delivery);
    });
  }

  /** Its client hangs up. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.carry(() => {
      this.server.disconnected(this);
    });
  }

  /** Its server cuts it; the client hears of it a little later. */
  breakOff(error: Error): void {
    if (!this.#serverHasIt) return;
    this.#serverHasIt = false;
    this.server.disconnected(this);
    this.carry(() => {
      if (!this.open) return;
      this.open = false;
      if (this.exchange) this.exchange.lose(error);
      else this.onLost?.();
    });
  }
}
