/** A pending timer. Both methods may be called at any time and any number of times. */
export interface Timer {
  /** Cancels the timer; its callback is not called afterwards. */
  cancel(): void;
  /** Whether the pending timer keeps the process alive. Default true. */
  setRef(ref: boolean): void;
}

/** Time, randomness and the name of this host. */
export interface Clock {
  /** Monotonic clock in ms, with fractions. Never 0 and never goes back; may stand still while the machine sleeps. */
  now(): number;
  /** Wall clock in ms since 1970. It may jump both ways, so it is used only to shorten a lifetime. */
  wallNow(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Calls back once, `delayMs` from now or slightly later; never synchronously. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls back once all I/O that has already arrived at this process was handled; never synchronously.
   * Lets a response that waits in a busy event loop count as received before a timeout is declared.
   */
  afterPendingIo(callback: () => void): void;
  /** Name of this host, to recognize local endpoints. */
  hostname(): string;
}

/**
 * Resolves after a delay.
 *
 * @param delayMs - in ms, ≥ 0
 * @param ref - whether the timer keeps the process alive
 */
export function sleep(clock: Clock, delayMs: number, ref = true): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs).setRef(ref);
  });
}

/**
 * Waits for a promise for a limited time. The promise itself continues; its later rejection is ignored.
 *
 * @param timeoutMs - in ms, ≥ 0; the timer does not keep the process alive
 * @param onTimeout - makes the error when the time has passed
 */
export function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => clock.afterPendingIo(() => reject(onTimeout())), timeoutMs);
    timer.setRef(false);
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
