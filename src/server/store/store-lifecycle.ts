import { ClerkError } from '../../core/errors.js';

/** Checks the order of calls to a store: one `load`, then writes one at a time, then `close`. */
export class StoreLifecycle {
  readonly #subject: string;
  #state: 'new' | 'loaded' | 'closed' = 'new';
  #isWriting = false;

  constructor(subject: string) {
    this.#subject = subject;
  }

  beginLoad(): void {
    if (this.#state === 'closed') throw this.#closedError();
    if (this.#state === 'loaded')
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.#subject} can be loaded only once; create another store`,
      );
    this.#state = 'loaded';
  }

  beginWrite(): () => void {
    if (this.#state === 'closed') throw this.#closedError();
    if (this.#state === 'new')
      throw new ClerkError('CONFIG_INVALID', `${this.#subject} must be loaded before it is written`);
    if (this.#isWriting)
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.#subject} cannot run two writes at the same time; wait for the previous write`,
      );
    this.#isWriting = true;
    return () => (this.#isWriting = false);
  }

  close(): boolean {
    const isFirst = this.#state !== 'closed';
    this.#state = 'closed';
    return isFirst;
  }

  #closedError(): ClerkError {
    return new ClerkError('CLERK_CLOSED', `${this.#subject} is closed`);
  }
}
