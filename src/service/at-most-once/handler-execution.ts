import type { IdempotencyStore, CallResult, StoredResponse } from '../../core/idempotency-store.js';
import { errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';

/**
 * One execution of a handler, with its writes to the store. Writes are made one at a time. The client does not wait
 * for them. A failed write is logged.
 */
export class HandlerExecution {
  readonly #id: string;
  readonly #store: IdempotencyStore;
  readonly #logger: Logger;
  readonly #onEnded: () => void;
  #state: 'running' | 'interrupted' | 'done' = 'running';
  #hasEnded = false;
  #lastWrite: Promise<void> = Promise.resolve();

  /** @param onEnded - called once, when the first result of the call was written, or that write has failed */
  constructor(id: string, store: IdempotencyStore, logger: Logger, onEnded: () => void) {
    this.#id = id;
    this.#store = store;
    this.#logger = logger;
    this.#onEnded = onEnded;
  }

  /**
   * Stores the response of the call. Further calls have no effect.
   *
   * @param response - undefined when the response is too large to store
   */
  complete(response: StoredResponse | undefined): void {
    if (this.#state !== 'done') this.#end('done', { state: 'done', response });
  }

  /** Stores the call as interrupted. A later {@link complete} replaces this state. */
  interrupt(): void {
    if (this.#state === 'running') this.#end('interrupted', { state: 'interrupted' });
  }

  /** Removes the call. Used when the client closes the connection before the handler runs. */
  async withdraw(): Promise<void> {
    try {
      await this.#store.withdraw(this.#id);
    } catch (error) {
      this.#logger.warn(
        `A call that did not run could not be removed from the store, so retries of that call will not run: ${errorMessage(error)}`,
      );
    }
    this.#reportEnd();
  }

  #end(state: 'interrupted' | 'done', result: CallResult): void {
    this.#state = state;
    this.#lastWrite = this.#lastWrite
      .then(() => this.#store.end(this.#id, result))
      .catch((error: unknown) => {
        this.#logger.error(
          `The outcome of a call could not be stored, so retries of that call do not get its response: ${errorMessage(error)}`,
        );
      })
      .then(() => this.#reportEnd());
  }

  #reportEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnded();
  }
}
