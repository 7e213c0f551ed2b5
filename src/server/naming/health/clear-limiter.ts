import type { Registration } from '../state/name-entry.js';

const minIntervalMs = 10_000;
const maxIntervalMs = 300_000;

interface LastClear {
  readonly nextAt: number;
  readonly intervalMs: number;
}

/**
 * Limits how often a suspect endpoint may clear itself: once in 10 s, doubling to once in 5 min each time that it
 * becomes suspect again soon after. An endpoint that was only stalled is back at once. One that runs and cannot be
 * reached is suspect most of the time.
 */
export class ClearLimiter {
  readonly #lastClears = new WeakMap<Registration, LastClear>();

  /** Whether an endpoint may clear itself now. Counts as a clear when it may. */
  tryClear(registration: Registration, now: number): boolean {
    const last = this.#lastClears.get(registration);
    if (last !== undefined && now < last.nextAt) return false;
    const isRelapse = last !== undefined && now - last.nextAt < maxIntervalMs;
    const intervalMs = isRelapse ? Math.min(maxIntervalMs, last.intervalMs * 2) : minIntervalMs;
    this.#lastClears.set(registration, { nextAt: now + intervalMs, intervalMs });
    return true;
  }
}
