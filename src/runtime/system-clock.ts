import { hostname } from 'node:os';
// The imported `performance` is faster than the global one, which is a getter.
import { performance } from 'node:perf_hooks';
import { hostAddresses } from './host-addresses.js';
import { hostId } from './host-id.js';
import { maxTimerMs, type Clock, type Timer } from '../core/clock.js';

export const systemClock: Clock = {
  // One ms is added, because lru-cache never expires an entry created at 0.
  now: () => performance.now() + 1,
  wallNow: () => Date.now(),
  random: () => Math.random(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs),
  afterPendingIo: (callback) => void setImmediate(callback),
  hostname: () => hostname(),
  hostId,
  hostAddresses,
};

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(callback: () => void, delayMs: number) {
    this.#timeout = setTimeout(callback, Math.min(Math.max(delayMs, 0), maxTimerMs));
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  setRef(ref: boolean): void {
    if (ref) this.#timeout.ref();
    else this.#timeout.unref();
  }
}
