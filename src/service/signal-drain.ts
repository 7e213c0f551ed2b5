import type { EndSignal } from '../core/end-signal.js';
import type { Advertisement } from './advertisement.js';
import type { ProcessPort } from './service-runtime.js';

/**
 * Drains all advertisements at the first SIGTERM or SIGINT. Then ends the process: with exit code 0 after
 * `exitAfterDrain`, or as the signal would without a listener. A second signal ends the process at once. A program
 * with its own listener for the signal, and without `exitAfterDrain`, must end the process itself.
 *
 * @see [C2.6](../../docs/guarantees.md#c2-6)
 */
export class SignalDrain {
  readonly #process: ProcessPort;
  readonly #advertisements = new Map<Pick<Advertisement, 'drain'>, boolean>();
  #removeListener: (() => void) | undefined;
  #isDraining = false;

  constructor(process: ProcessPort) {
    this.#process = process;
  }

  add(advertisement: Pick<Advertisement, 'drain'>, exitAfterDrain: boolean): () => void {
    this.#advertisements.set(advertisement, exitAfterDrain);
    this.#removeListener ??= this.#process.onEndSignal((signal) => this.#onSignal(signal));
    return () => {
      this.#advertisements.delete(advertisement);
      if (!this.#isDraining) this.#stopListening();
    };
  }

  #onSignal(signal: EndSignal): void {
    if (this.#isDraining) this.#process.endBySignal(signal, this.#exitsAfterDrain);
    else void this.#drainAll(signal);
  }

  async #drainAll(signal: EndSignal): Promise<void> {
    this.#isDraining = true;
    const exits = this.#exitsAfterDrain;
    await Promise.all([...this.#advertisements.keys()].map((advertisement) => advertisement.drain()));
    this.#isDraining = false;
    if (exits) this.#process.exit(0);
    else this.#process.endBySignal(signal, false);
    this.#stopListening();
  }

  get #exitsAfterDrain(): boolean {
    return [...this.#advertisements.values()].includes(true);
  }

  #stopListening(): void {
    if (this.#advertisements.size > 0) return;
    this.#removeListener?.();
    this.#removeListener = undefined;
  }
}
