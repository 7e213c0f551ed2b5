import type { Registration } from '../state/name-entry.js';

const minIntervalMs = 10_000;
const maxIntervalMs = 300_000;

interface LastClear {
  readonly nextAt: number;
  readonly intervalMs: number;
}

/**
 * Limits how often a suspect endpoint may clear its own suspect status. After a clear, the next is allowed after 10 s.
 * The interval doubles, up to 5 min, for a clear less than 5 min after the end of the last interval. An endpoint that
 * was stalled once is thus used again at once; one that runs but cannot be reached stays suspect most of the time.
 */
export class ClearLimiter {
  readonly #lastClears = new WeakMap<Registration, LastClear>();

  /** Returns whether a clear at `now` is allowed, and counts it. */
  tryClear(registration: Registration, now: number): boolean {
    const last = this.#lastClears.get(registration);
    if (last !== undefined && now < last.nextAt) return false;
    const isRelapse = last !== undefined && now - last.nextAt < maxIntervalMs;
    const intervalMs = isRelapse ? Math.min(maxIntervalMs, last.intervalMs * 2) : minIntervalMs;
    this.#lastClears.set(registration, { nextAt: now + intervalMs, intervalMs });
    return true;
  }
}
