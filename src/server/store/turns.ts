/**
 * The order in which a store may be asked: loaded once, then written by one writer, then closed. Whoever breaks it has
 * a fault in his program and is told which.
 */
import { ClerkError } from '../../core/errors.js';

export class Turns {
  readonly #what: string;
  #state: 'new' | 'loaded' | 'closed' = 'new';
  #writing = false;

  /** @param what - what messages call the store */
  constructor(what: string) {
    this.#what = what;
  }

  /** @throws `CONFIG_INVALID` the second time, `CLOSED` */
  load(): void {
    if (this.#state === 'closed') throw this.#closed();
    if (this.#state === 'loaded')
      throw new ClerkError('CONFIG_INVALID', `${this.#what} was loaded already; open another one`);
    this.#state = 'loaded';
  }

  /**
   * @returns to be called when the write is over
   * @throws `CONFIG_INVALID` before `load` and while another write is under way, `CLOSED`
   */
  write(): () => void {
    if (this.#state === 'closed') throw this.#closed();
    if (this.#state === 'new')
      throw new ClerkError('CONFIG_INVALID', `${this.#what} was not loaded yet; load it before writing`);
    if (this.#writing)
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.#what} is being written already; wait for one write before the next`,
      );
    this.#writing = true;
    return () => (this.#writing = false);
  }

  /** Whether this was the first time. */
  close(): boolean {
    const first = this.#state !== 'closed';
    this.#state = 'closed';
    return first;
  }

  #closed(): ClerkError {
    return new ClerkError('CLOSED', `${this.#what} is closed`);
  }
}
