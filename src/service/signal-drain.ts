import type { Advertisement } from './advertisement.js';
import type { ProcessPort } from './service-runtime.js';

/**
 * Drains all advertisements at the first SIGTERM, then ends the process by SIGTERM. A program with its own SIGTERM
 * listener must end the process itself, unless `exitAfterDrain` is set. A second SIGTERM ends the process at once.
 *
 * @see [C2.6](../../docs/guarantees.md#c2-6)
 */
export class SigtermDrain {
  readonly #process: ProcessPort;
  readonly #advertisements = new Map<Advertisement, boolean>();
  #removeListener: (() => void) | undefined;

  constructor(process: ProcessPort) {
    this.#process = process;
  }

  /**
   * Adds an advertisement. Returns a function that removes the advertisement.
   *
   * @param exitAfterDrain - whether the process exits with code 0 after draining
   */
  add(advertisement: Advertisement, exitAfterDrain: boolean): () => void {
    this.#advertisements.set(advertisement, exitAfterDrain);
    this.#removeListener ??= this.#process.onSigterm(() => void this.#drainAll());
    return () => {
      this.#advertisements.delete(advertisement);
      if (this.#advertisements.size > 0) return;
      this.#removeListener?.();
      this.#removeListener = undefined;
    };
  }

  async #drainAll(): Promise<void> {
    this.#removeListener = undefined;
    const all = [...this.#advertisements];
    await Promise.all(all.map(([advertisement]) => advertisement.drain()));
    if (all.some(([, exits]) => exits)) this.#process.exit(0);
    else this.#process.exitBySigterm();
  }
}
