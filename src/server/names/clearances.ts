/**
 * How often an endpoint may clear itself: once in 10 s, and each time that it is marked again soon after, half as often as
 * before, down to once in 5 min. So one that was only held up is back at once, and one that lives and cannot be reached,
 * which it cannot know, is marked most of the time.
 */
import type { Registration } from './place.js';

const leastMs = 10_000;
const mostMs = 300_000;

interface Clearance {
  readonly nextAt: number;
  readonly waitMs: number;
}

/** See the file's header. */
export class Clearances {
  readonly #given = new WeakMap<Registration, Clearance>();

  /** Whether it may clear itself now; then it is taken to have done so. */
  grant(registration: Registration, now: number): boolean {
    const last = this.#given.get(registration);
    if (last !== undefined && now < last.nextAt) return false;
    const isRelapse = last !== undefined && now - last.nextAt < mostMs;
    const waitMs = isRelapse ? Math.min(mostMs, last.waitMs * 2) : leastMs;
    this.#given.set(registration, { nextAt: now + waitMs, waitMs });
    return true;
  }
}
