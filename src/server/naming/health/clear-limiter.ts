import type { Registration } from '../state/name-entry.js';

const minIntervalMs = 10_000;
const maxIntervalMs = 300_000;

interface LastClear {
  readonly nextAt: number;
  readonly intervalMs: number;
}

/**
 * Limits how often a suspect endpoint may clear its own suspect status. After each clear, no clear is allowed for an
 * interval. The first interval is 10 s. If the next clear comes less than 5 min after the interval has ended, the new
 * interval is twice as long, at most 5 min. Otherwise the new interval is 10 s again.
 *
 * An endpoint that was stalled once is therefore used again at once. An endpoint that runs but cannot be reached stays
 * suspect most of the time.
 */
export class ClearLimiter {
  readonly #lastClears = new WeakMap<Registration, LastClear>();

  /**
   * Records a clear of the suspect status at `now`, unless the interval since the last clear is still running.
   *
   * @returns whether the clear is allowed
   */
  tryClear(registration: Registration, now: number): boolean {
    const last = this.#lastClears.get(registration);
    if (last !== undefined && now < last.nextAt) return false;
    const isRelapse = last !== undefined && now - last.nextAt < maxIntervalMs;
    const intervalMs = isRelapse ? Math.min(maxIntervalMs, last.intervalMs * 2) : minIntervalMs;
    this.#lastClears.set(registration, { nextAt: now + intervalMs, intervalMs });
    return true;
  }
}
