/** Counts the calls of a clerk that are under way, and lets no more in once it is shut. */
import { ClerkError } from './core/errors.js';
import type { Gate } from './shared.js';

/** See the file's header. */
export class CountingGate implements Gate {
  #inside = 0;
  #shut = false;
  #onQuiet: (() => void) | undefined;

  check(): void {
    if (this.#shut) throw closed();
  }

  enter(): void {
    this.check();
    this.#inside++;
  }

  leave(): void {
    if (--this.#inside === 0) this.#onQuiet?.();
  }

  /** Lets nobody in any more. */
  shut(): void {
    this.#shut = true;
  }

  /** Whether calls are under way. */
  get busy(): boolean {
    return this.#inside > 0;
  }

  /** Resolves when the last call is over, or when nobody is waited for any more. Asked once, while busy. */
  quiet(): Promise<void> {
    return new Promise((resolve) => (this.#onQuiet = resolve));
  }

  /** Those inside are not waited for any more. */
  abandon(): void {
    this.#onQuiet?.();
  }
}

/** What whoever comes too late is told. */
export function closed(): ClerkError {
  return new ClerkError('CLOSED', 'The clerk is closed; make a new one with createClerk()');
}
