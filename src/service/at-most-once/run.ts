/**
 * One run of a handler, from when it was written down to what is written of its end. Writes of one run go one after
 * the other; one that fails is logged and changes nothing for the client, who has the answer already.
 */
import type { CallStore, EndedCall, KeptAnswer } from '../../core/call-store.js';
import { reasonOf } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';

/** See the file's header. */
export class Run {
  readonly #id: string;
  readonly #store: CallStore;
  readonly #logger: Logger;
  readonly #onOver: () => void;
  #state: 'running' | 'lost' | 'done' = 'running';
  #isOver = false;
  #written: Promise<void> = Promise.resolve();

  /** @param onOver - called once, when the first that was to be written of its end is written or could not be */
  constructor(id: string, store: CallStore, logger: Logger, onOver: () => void) {
    this.#id = id;
    this.#store = store;
    this.#logger = logger;
    this.#onOver = onOver;
  }

  /** It gave its answer; undefined where that is too large to keep. Nothing that comes later counts. */
  answered(answer: KeptAnswer | undefined): void {
    if (this.#state !== 'done') this.#end('done', { state: 'done', answer });
  }

  /** It ended without an answer, as far as can be told; an answer may still come. */
  lost(): void {
    if (this.#state === 'running') this.#end('lost', { state: 'lost' });
  }

  /** It never began: its client has gone. */
  async withdraw(): Promise<void> {
    try {
      await this.#store.withdraw(this.#id);
    } catch (error) {
      this.#logger.warn(
        `A call that did not run could not be taken back, so its repeats are not run: ${reasonOf(error)}`,
      );
    }
    this.#over();
  }

  #end(state: 'lost' | 'done', how: EndedCall): void {
    this.#state = state;
    this.#written = this.#written
      .then(() => this.#store.end(this.#id, how))
      .catch((error: unknown) => {
        this.#logger.error(
          `The end of a call could not be written down, so its repeats get no answer: ${reasonOf(error)}`,
        );
      })
      .then(() => this.#over());
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}
