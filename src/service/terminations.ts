/**
 * SIGTERM, for all advertisements of a process: they are drained together, and then the process ends by the signal, as
 * it would have at once without them. Where something else listens for SIGTERM, that decides when the process ends; a
 * second SIGTERM ends it at once.
 *
 * @see promises C2.6
 */
import type { Advertisement } from './advertisement.js';
import type { OwnProcess } from './surroundings.js';

/** See the file's header. */
export class Terminations {
  readonly #process: OwnProcess;
  readonly #waiting = new Map<Advertisement, boolean>();
  #forget: (() => void) | undefined;

  constructor(process: OwnProcess) {
    this.#process = process;
  }

  /** From now on it is drained at SIGTERM. Returns what takes that back. */
  add(advertisement: Advertisement, exits: boolean): () => void {
    this.#waiting.set(advertisement, exits);
    this.#forget ??= this.#process.onTerm(() => void this.#terminate());
    return () => {
      this.#waiting.delete(advertisement);
      if (this.#waiting.size > 0) return;
      this.#forget?.();
      this.#forget = undefined;
    };
  }

  async #terminate(): Promise<void> {
    this.#forget = undefined;
    const all = [...this.#waiting];
    await Promise.all(all.map(([advertisement]) => advertisement.drain()));
    if (all.some(([, exits]) => exits)) this.#process.exit(0);
    else this.#process.endByTerm();
  }
}
