/** Handle of a timer. After the timer has fired, the methods do nothing. */
export interface Timer {
  /** Cancels the timer: the callback is no longer called. */
  cancel(): void;
  /** Sets whether the pending timer keeps the process alive. A new timer keeps the process alive. */
  setRef(ref: boolean): void;
}

/** Longest delay of a timer, in ms. Node fires a timer with a longer delay at once. */
export const maxTimerMs = 2 ** 31 - 1;

/** Port to time, randomness, and the names and addresses of this host. */
export interface Clock {
  /** Monotonic time, in ms, with fractions, above 0. May stop while the machine sleeps. */
  now(): number;
  /**
   * Wall-clock time, in ms since 1970. May jump. A lifetime must therefore also be measured by the monotonic clock.
   */
  wallNow(): number;
  /** Returns a random number, uniform in [0, 1). */
  random(): number;
  /** Calls `callback` once, after `delayMs` or slightly more; never synchronously. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls `callback` after this process has handled the I/O that has already arrived; never synchronously. Used by
   * timeouts, so that a response that arrived in time is handled before the timeout.
   */
  afterPendingIo(callback: () => void): void;
  /** Name of this host. */
  hostname(): string;
  /**
   * Identity of this host: the boot id of the kernel and the network namespace of this process. Processes with the
   * same identity share loopback. If undefined, the clerk compares host names.
   */
  hostId(): string | undefined;
  /**
   * IP addresses of this host that other hosts may reach, without brackets. Each call reads the interfaces again.
   * Order: first the interface with the default route, then other interfaces, then bridges of containers and virtual
   * machines. Loopback and link-local IPv6 addresses are left out.
   */
  hostAddresses(): readonly string[];
}

export function sleep(clock: Pick<Clock, 'setTimer'>, delayMs: number, ref = true): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, delayMs).setRef(ref);
  });
}

/**
 * Rejects with the error that `onTimeout` returns if `promise` has not settled after `timeoutMs`. The timer does not
 * keep the process alive.
 */
export function withTimeout<T>(
  clock: Pick<Clock, 'setTimer' | 'afterPendingIo'>,
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
