/**
 * One run of a handler, from when it was written down to what is written of its end. Writes of one run go one after
 * the other; one that fails is logged and changes nothing for the client, who has the answer already.
 */
import type { IdempotencyStore, CallResult, StoredResponse } from '../../core/idempotency-store.js';
import { errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';

/** See the file's header. */
export class HandlerExecution {
  readonly #id: string;
  readonly #store: IdempotencyStore;
  readonly #logger: Logger;
  readonly #onEnded: () => void;
  #state: 'running' | 'interrupted' | 'done' = 'running';
  #hasEnded = false;
  #lastWrite: Promise<void> = Promise.resolve();

  /** @param onEnded - called once, when the first that was to be written of its end is written or could not be */
  constructor(id: string, store: IdempotencyStore, logger: Logger, onEnded: () => void) {
    this.#id = id;
    this.#store = store;
    this.#logger = logger;
    this.#onEnded = onEnded;
  }

  /** It gave its answer; undefined where that is too large to keep. Nothing that comes later counts. */
  complete(answer: StoredResponse | undefined): void {
    if (this.#state !== 'done') this.#end('done', { state: 'done', response: answer });
  }

  /** It ended without an answer, as far as can be told; an answer may still come. */
  interrupt(): void {
    if (this.#state === 'running') this.#end('interrupted', { state: 'interrupted' });
  }

  /** It never began: its client has gone. */
  async withdraw(): Promise<void> {
    try {
      await this.#store.withdraw(this.#id);
    } catch (error) {
      this.#logger.warn(
        `A call that did not run could not be taken back, so its repeats are not run: ${errorMessage(error)}`,
      );
    }
    this.#reportEnd();
  }

  #end(state: 'interrupted' | 'done', how: CallResult): void {
    this.#state = state;
    this.#lastWrite = this.#lastWrite
      .then(() => this.#store.end(this.#id, how))
      .catch((error: unknown) => {
        this.#logger.error(
          `The end of a call could not be written down, so its repeats get no answer: ${errorMessage(error)}`,
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
