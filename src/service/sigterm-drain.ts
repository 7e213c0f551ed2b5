/**
 * SIGTERM, for all advertisements of a process: they are drained together, and then the process ends by the signal, as
 * it would have at once without them. Where something else listens for SIGTERM, that decides when the process ends; a
 * second SIGTERM ends it at once.
 *
 * @see promises C2.6
 */
import type { Advertisement } from './advertisement.js';
import type { ProcessPort } from './service-runtime.js';

/** See the file's header. */
export class SigtermDrain {
  readonly #process: ProcessPort;
  readonly #advertisements = new Map<Advertisement, boolean>();
  #removeListener: (() => void) | undefined;

  constructor(process: ProcessPort) {
    this.#process = process;
  }

  /** From now on it is drained at SIGTERM. Returns what takes that back. */
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
