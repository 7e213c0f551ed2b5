import type { Clock } from '../../core/clock.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { withDeadline } from '../../core/with-deadline.js';

export const maxWaiters = 1_024;

export interface WaitOptions {
  readonly clock: Clock;
  readonly waitMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * One start for which several callers wait. Each caller has its own timeout and signal. If a caller stops waiting,
 * the start continues for the other callers.
 *
 * @see [C6.3](../../../docs/guarantees.md#c6-3)
 */
export class SharedStart<T> {
  readonly #name: string;
  readonly #outcome: Promise<T>;
  readonly settled: Promise<void>;
  #cancel!: (reason: Error) => void;
  #waiters = 0;

  constructor(name: string, promise: Promise<T>) {
    this.#name = name;
    const cancelled = new Promise<never>((_, reject) => (this.#cancel = reject));
    this.#outcome = Promise.race([promise, cancelled]);
    // A failed start without a waiting caller must not cause an unhandled rejection.
    this.#outcome.catch(() => undefined);
    this.settled = promise.then(
      () => undefined,
      () => undefined,
    );
  }

  cancel(reason: Error): void {
    this.#cancel(reason);
  }

  /**
   * Waits for the start. Rejects with the error of the start, or with `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED` or
   * `ABORTED`.
   */
  async join({ clock, waitMs, signal }: WaitOptions): Promise<T> {
    if (this.#waiters >= maxWaiters)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `At most ${maxWaiters} callers can wait for the start of ${this.#name}; retry later`,
      );
    this.#waiters++;
    const deadline = {
      ...{ clock, limitMs: waitMs, keepsAlive: true },
      onTimeout: () =>
        new ClerkError(
          'DEADLINE_EXCEEDED',
          `${this.#name} did not start within ${waitMs} ms; the start continues, so retry to wait longer`,
        ),
      parents: [{ signal, error: ({ reason }: AbortSignal) => this.#abortError(reason) }],
    };
    try {
      return await withDeadline(deadline, () => this.#outcome);
    } finally {
      this.#waiters--;
    }
  }

  /**
   * The reason is a `ClerkError` when the server shuts down. Its message says that the client must use another server or
   * retry later.
   */
  #abortError(reason: unknown): ClerkError {
    if (isClerkError(reason)) return reason;
    return new ClerkError(
      'ABORTED',
      `Waiting for the start of ${this.#name} was aborted; the start itself continues`,
      { cause: reason },
    );
  }
}
