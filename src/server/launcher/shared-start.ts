/** Many waiting for one thing, each for as long as it likes: whoever leaves leaves alone. @see promises C6.3 */
import type { Clock } from '../../core/clock.js';
import { ClerkError } from '../../core/errors.js';

/** Most that wait for one start. */
export const maxWaiters = 1_024;

/** How long somebody waits. */
export interface WaitOptions {
  readonly clock: Clock;
  /** In ms; undefined: for as long as it takes. */
  readonly waitMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One thing that is waited for. */
export class SharedStart<T> {
  readonly #name: string;
  readonly #outcome: Promise<T>;
  /** Resolves when the thing itself has come to an end, whatever that is. */
  readonly settled: Promise<void>;
  #cancel!: (reason: Error) => void;
  #waiters = 0;

  /**
   * @param name - what is started, for messages
   * @param promise - its end
   */
  constructor(name: string, promise: Promise<T>) {
    this.#name = name;
    const cancelled = new Promise<never>((_, reject) => (this.#cancel = reject));
    this.#outcome = Promise.race([promise, cancelled]);
    // That everybody has left is no fault.
    this.#outcome.catch(() => undefined);
    this.settled = promise.then(
      () => undefined,
      () => undefined,
    );
  }

  /** Everybody who waits is told at once, and need not wait for the end. */
  cancel(reason: Error): void {
    this.#cancel(reason);
  }

  /** Rejects as the thing itself does, or with `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED` or `ABORTED`. */
  async join({ clock, waitMs, signal }: WaitOptions): Promise<T> {
    if (this.#waiters >= maxWaiters)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `${String(maxWaiters)} callers wait for the start of ${this.#name} already; ask again later`,
      );
    this.#waiters++;
    let cleanUp = (): void => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const aborted = (): void =>
          reject(
            new ClerkError('ABORTED', `The wait for the start of ${this.#name} was aborted; it goes on`, {
              cause: signal?.reason,
            }),
          );
        const timedOut = (): void =>
          reject(
            new ClerkError(
              'DEADLINE_EXCEEDED',
              `${this.#name} is still being started after ${String(waitMs)} ms; ask again, the start goes on`,
            ),
          );
        const timer = waitMs === undefined ? undefined : clock.setTimer(timedOut, waitMs);
        cleanUp = () => {
          timer?.cancel();
          signal?.removeEventListener('abort', aborted);
        };
        signal?.addEventListener('abort', aborted);
        if (signal?.aborted === true) aborted();
        this.#outcome.then(resolve, reject);
      });
    } finally {
      cleanUp();
      this.#waiters--;
    }
  }
}
