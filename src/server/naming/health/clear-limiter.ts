import type { Registration } from '../state/name-entry.js';

const minIntervalMs = 10_000;
const maxIntervalMs = 300_000;

interface LastClear {
  readonly nextAt: number;
  readonly intervalMs: number;
}

/**
 * Limits how often an endpoint may clear its own suspect status. Further clears are ignored for 10 s. This time
 * doubles, up to 5 min, if the next clear comes within 5 min after its end. An endpoint that renews its lease but is
 * unreachable therefore stays suspect most of the time.
 */
export class ClearLimiter {
  readonly #lastClears = new WeakMap<Registration, LastClear>();

  tryClear(registration: Registration, now: number): boolean {
    const last = this.#lastClears.get(registration);
    if (last !== undefined && now < last.nextAt) return false;
    const isRelapse = last !== undefined && now - last.nextAt < maxIntervalMs;
    const intervalMs = isRelapse ? Math.min(maxIntervalMs, last.intervalMs * 2) : minIntervalMs;
    this.#lastClears.set(registration, { nextAt: now + intervalMs, intervalMs });
    return true;
  }
}
