/** Time, chance and the name of this machine: the part of a runtime that everybody may use. */

/** A timer that was set. Both methods may be called at any time, any number of times. */
export interface Timer {
  /** Forgets the timer; its callback is never called afterwards. */
  cancel(): void;
  /** Whether the pending timer keeps the process alive; it does until told otherwise. */
  setRef(ref: boolean): void;
}

/** Time and chance. */
export interface Clock {
  /** Monotonic clock in ms, with fractions; never 0, never goes back, may stand still while the machine sleeps. */
  now(): number;
  /** Wall clock in ms since 1970. May jump both ways; used only to shorten trust. */
  wallNow(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Calls back once, `delayMs` from now or a little later; never synchronously. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls back once everything that has already arrived at this process was handled; never synchronously.
   * What was late because this process was busy gets its chance before somebody else is blamed.
   */
  afterPendingIo(callback: () => void): void;
  /** Name of this host, for telling local endpoints from others. */
  hostname(): string;
}

/**
 * Waits on a clock.
 *
 * @param clock - whose time
 * @param delayMs - ms, ≥ 0
 * @param ref - whether waiting keeps the process alive
 */
export function sleep(clock: Clock, delayMs: number, ref = true): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs).setRef(ref);
  });
}

/**
 * Waits for a promise, but not for ever. The promise itself goes on; its late rejection is nobody's concern any more.
 *
 * @param clock - whose time
 * @param timeoutMs - ms, ≥ 0; the timer keeps no process alive
 * @param onTimeout - makes the error when the time is over
 */
export function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // What has arrived while this process was busy is in time.
    const timer = clock.setTimer(() => clock.afterPendingIo(() => reject(onTimeout())), timeoutMs);
    timer.setRef(false);
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
