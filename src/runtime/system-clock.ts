/** The real clock, chance and machine. */
import { hostname } from 'node:os';
// Imported, since the global of that name is a getter, and every call reads the clock.
import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../core/clock.js';

/** Node's own clock, timers and randomness. */
export const systemClock: Clock = {
  // Plus one, since lru-cache takes an entry made at 0 for one that never expires.
  now: () => performance.now() + 1,
  wallNow: () => Date.now(),
  random: () => Math.random(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs),
  afterPendingIo: (callback) => void setImmediate(callback),
  hostname: () => hostname(),
};

// Above this Node fires at once.
const maxDelayMs = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, delayMs: number) {
    this.#timeout = setTimeout(callback, Math.min(Math.max(delayMs, 0), maxDelayMs));
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  setRef(ref: boolean): void {
    if (ref) this.#timeout.ref();
    else this.#timeout.unref();
  }
}
