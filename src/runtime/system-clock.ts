import { hostname } from 'node:os';
import { hostAddresses } from './host-addresses.js';
import { hostId } from './host-id.js';
import { maxTimerMs, type Clock, type Timer } from '../core/clock.js';
import { originalTimers } from './original-timers.js';

export const systemClock: Clock = {
  // One ms is added, because lru-cache never expires an entry created at 0.
  now: () => originalTimers().now() + 1,
  wallNow: () => originalTimers().wallNow(),
  random: () => Math.random(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs),
  afterPendingIo: (callback) => void originalTimers().setImmediate(callback),
  hostname: () => hostname(),
  hostId,
  hostAddresses,
};

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, delayMs: number) {
    this.#timeout = originalTimers().setTimeout(callback, Math.min(Math.max(delayMs, 0), maxTimerMs));
  }

  cancel(): void {
    originalTimers().clearTimeout(this.#timeout);
  }

  setRef(ref: boolean): void {
    // The fake timer of a test runner may not have these methods.
    const timeout: Partial<NodeJS.Timeout> = this.#timeout;
    if (ref) timeout.ref?.();
    else timeout.unref?.();
  }
}
