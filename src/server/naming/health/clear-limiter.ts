/**
 * How often an endpoint may clear itself: once in 10 s, and each time that it is marked again soon after, half as often as
 * before, down to once in 5 min. So one that was only held up is back at once, and one that lives and cannot be reached,
 * which it cannot know, is marked most of the time.
 */
import type { Registration } from '../state/name-entry.js';

const minIntervalMs = 10_000;
const maxIntervalMs = 300_000;

interface LastClear {
  readonly nextAt: number;
  readonly intervalMs: number;
}

/** See the file's header. */
export class ClearLimiter {
  readonly #lastClears = new WeakMap<Registration, LastClear>();

  /** Whether it may clear itself now; then it is taken to have done so. */
  tryClear(registration: Registration, now: number): boolean {
    const last = this.#lastClears.get(registration);
    if (last !== undefined && now < last.nextAt) return false;
    const isRelapse = last !== undefined && now - last.nextAt < maxIntervalMs;
    const intervalMs = isRelapse ? Math.min(maxIntervalMs, last.intervalMs * 2) : minIntervalMs;
    this.#lastClears.set(registration, { nextAt: now + intervalMs, intervalMs });
    return true;
  }
}
