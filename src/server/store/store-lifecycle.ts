/**
 * The order in which a store may be asked: loaded once, then written by one writer, then closed. Whoever breaks it has
 * a fault in his program and is told which.
 */
import { ClerkError } from '../../core/errors.js';

export class StoreLifecycle {
  readonly #subject: string;
  #state: 'new' | 'loaded' | 'closed' = 'new';
  #isWriting = false;

  /** @param subject - what messages call the store */
  constructor(subject: string) {
    this.#subject = subject;
  }

  /** @throws `CONFIG_INVALID` the second time, `CLERK_CLOSED` */
  beginLoad(): void {
    if (this.#state === 'closed') throw this.#closedError();
    if (this.#state === 'loaded')
      throw new ClerkError('CONFIG_INVALID', `${this.#subject} was loaded already; open another one`);
    this.#state = 'loaded';
  }

  /**
   * @returns to be called when the write is over
   * @throws `CONFIG_INVALID` before `load` and while another write is under way, `CLERK_CLOSED`
   */
  beginWrite(): () => void {
    if (this.#state === 'closed') throw this.#closedError();
    if (this.#state === 'new')
      throw new ClerkError('CONFIG_INVALID', `${this.#subject} was not loaded yet; load it before writing`);
    if (this.#isWriting)
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.#subject} is being written already; wait for one write before the next`,
      );
    this.#isWriting = true;
    return () => (this.#isWriting = false);
  }

  /** Whether this was the first time. */
  close(): boolean {
    const isFirst = this.#state !== 'closed';
    this.#state = 'closed';
    return isFirst;
  }

  #closedError(): ClerkError {
    return new ClerkError('CLERK_CLOSED', `${this.#subject} is closed`);
  }
}
