/**
 * Handle of a timer. Both methods may be called at any time and any number of times; after the timer has fired they do
 * nothing.
 */
export interface Timer {
  /** Cancels the timer. The callback of the timer is not called afterwards. */
  cancel(): void;
  /** Sets whether the timer keeps the process alive while pending. Initially true. */
  setRef(ref: boolean): void;
}

/** Port to time, randomness and the name of this host. */
export interface Clock {
  /** Time of a monotonic clock, in ms, with fractions, above 0. The clock may stand still while the machine sleeps. */
  now(): number;
  /**
   * Time of the wall clock, in ms since 1970. The wall clock may jump in both directions. The wall clock may therefore
   * shorten a lifetime, but must never extend a lifetime.
   */
  wallNow(): number;
  /** Returns a random number, uniform in [0, 1). */
  random(): number;
  /** Calls `callback` once, after `delayMs` or slightly more; never synchronously. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls `callback` after the I/O that has already arrived at this process was handled; never synchronously. Used when
   * a timeout fires: a response that a busy event loop has not handled yet is handled before the timeout takes effect.
   */
  afterPendingIo(callback: () => void): void;
  /** Name of this host. Endpoints with this host name are local. */
  hostname(): string;
}

/**
 * Resolves after a delay.
 *
 * @param delayMs - the delay, in ms, ≥ 0
 * @param ref - whether the timer keeps the process alive
 */
export function sleep(clock: Clock, delayMs: number, ref = true): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs).setRef(ref);
  });
}

/**
 * Settles like `promise`, or rejects when `promise` has not settled within `timeoutMs`. The operation behind `promise`
 * continues after the timeout, but the result of the operation is ignored.
 *
 * @param timeoutMs - the timeout, in ms, ≥ 0; the timer does not keep the process alive
 * @param onTimeout - creates the error with which the returned promise rejects after the timeout
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
