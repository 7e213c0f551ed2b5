import type { Clock, Timer } from '../../core/clock.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { RecordChange, Store } from '../ports.js';
import { storeKeys } from './state/record-codec.js';

/** Delay between a failed write and the attempt to write the store again, in ms. */
const recoveryDelayMs = 1_000;

export interface StoreRecoveryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly revision: () => number;
  /** Used in place of the recovery of `store`, in a registry with several servers. */
  readonly catchUp: (() => Promise<void>) | undefined;
  readonly onFailure: (failure: ClerkError) => void;
  /** Called when the store can be written again and the unsaved changes are saved. */
  readonly onRecovered: () => void;
}

/**
 * Tries to write again after a failed write. Removes the failed batch from the store, and saves the changes that were
 * made only in memory.
 *
 * @see [C5.7](../../../docs/guarantees.md#c5-7)
 */
export class StoreRecovery {
  readonly #options: StoreRecoveryOptions;
  #failure: ClerkError | undefined;
  /** Records that were changed only in memory. */
  #unsaved = new Map<string, string | undefined>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: StoreRecoveryOptions) {
    this.#options = options;
  }

  /** The error of the last failed write; undefined once the store can be written again. */
  get failure(): ClerkError | undefined {
    return this.#failure;
  }

  onWriteFailed(cause: unknown): ClerkError {
    this.#failure = writeFailedError(cause);
    this.#options.onFailure(this.#failure);
    return this.#failure;
  }

  /** Adds records that were changed only in memory, to save them when the store can be written. */
  keep(records: readonly RecordChange[]): void {
    for (const { key, value } of records) this.#unsaved.set(key, value);
    this.#options.store.onUnsaved?.(records);
  }

  schedule(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(() => {
      this.#running = this.#recover().finally(() => (this.#running = undefined));
    }, recoveryDelayMs);
    this.#timer.setRef(false);
  }

  /** Prevents further recoveries. */
  stop(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** Resolves when no recovery runs. */
  async ended(): Promise<void> {
    await this.#running;
  }

  /** Never rejects. */
  async #recover(): Promise<void> {
    const { catchUp, onRecovered } = this.#options;
    try {
      await (catchUp === undefined ? this.#recoverStore() : catchUp());
    } catch {
      this.schedule();
      return;
    }
    this.#failure = undefined;
    onRecovered();
  }

  async #recoverStore(): Promise<void> {
    const { store, revision } = this.#options;
    await store.recover();
    do {
      const records = this.#unsaved.set(storeKeys.revision, String(revision()));
      this.#unsaved = new Map();
      await store.write([...records].map(([key, value]) => ({ key, value }))).catch((error: unknown) => {
        this.#unsaved = new Map([...records, ...this.#unsaved]);
        throw error;
      });
    } while (this.#unsaved.size > 0);
  }
}

function writeFailedError(cause: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The server is read-only, because its store failed: ${errorMessage(cause)}; the server accepts changes again about ${recoveryDelayMs / 1_000} s after the store can be written`,
    { remainingMs: recoveryDelayMs, cause },
  );
}
