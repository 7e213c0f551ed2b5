/** Handle of a timer. After the timer has fired, the methods do nothing. */
export interface Timer {
  /** Cancels the timer: the callback is not called any more. */
  cancel(): void;
  /** Sets whether the pending timer keeps the process alive. Initially, the timer keeps the process alive. */
  setRef(ref: boolean): void;
}

/** Longest delay of a timer, in ms. Node fires a timer with a longer delay at once. */
export const maxTimerMs = 2 ** 31 - 1;

/** Port to time, randomness and the name of this host. */
export interface Clock {
  /** Monotonic time, in ms, with fractions, above 0. May stand still while the machine sleeps. */
  now(): number;
  /**
   * Wall-clock time, in ms since 1970. May jump, so a caller also compares the monotonic clock: a jump may then shorten
   * a lifetime, but cannot extend a lifetime.
   */
  wallNow(): number;
  /** Returns a random number, uniform in [0, 1). */
  random(): number;
  /** Calls `callback` once, after `delayMs` or slightly more; never synchronously. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls `callback` after the I/O that has already arrived at this process was handled; never synchronously. With this
   * method, a timeout waits until a busy event loop has handled the responses that have arrived in time.
   */
  afterPendingIo(callback: () => void): void;
  /** Name of this host. Endpoints with this host name are local. */
  hostname(): string;
}

/** Resolves after a delay in ms, ≥ 0. `ref`: whether the timer keeps the process alive. */
export function sleep(clock: Clock, delayMs: number, ref = true): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs).setRef(ref);
  });
}

/**
 * Settles as `promise` does. If `promise` has not settled after `timeoutMs`, rejects with the error that `onTimeout`
 * returns; a result of `promise` after that is ignored. The timer does not keep the process alive.
 *
 * @param timeoutMs - in ms, ≥ 0
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
