/** Handle of a timer. After the timer has fired, the methods do nothing. */
export interface Timer {
  /** Cancels the timer: the callback is not called any more. */
  cancel(): void;
  /** Sets whether the timer keeps the process alive while pending. Initially true. */
  setRef(ref: boolean): void;
}

/** Longest delay of a timer, in ms. Node fires a timer with a longer delay at once. */
export const maxTimerMs = 2 ** 31 - 1;

/** Port to time, randomness and the name of this host. */
export interface Clock {
  /** Monotonic time, in ms, with fractions, above 0. May stand still while the machine sleeps. */
  now(): number;
  /** Wall-clock time, in ms since 1970. May jump: may shorten a lifetime, but must never extend a lifetime. */
  wallNow(): number;
  /** Returns a random number, uniform in [0, 1). */
  random(): number;
  /** Calls `callback` once, after `delayMs` or slightly more; never synchronously. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls `callback` after the I/O that has already arrived at this process was handled; never synchronously. A timeout
   * thus takes effect only after the responses that a busy event loop has not handled yet.
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
 * Settles like `promise`, or rejects with the error of `onTimeout` after `timeoutMs`, in ms, ≥ 0. The operation behind
 * `promise` then continues, but its result is ignored. The timer does not keep the process alive.
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
