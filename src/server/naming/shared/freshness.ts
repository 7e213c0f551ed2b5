import type { Clock } from '../../../core/clock.js';

/**
 * For this time after a linearizable read of the log, in ms, a server gives guarantees and answers without the flag
 * `stale`.
 */
export const maxAgeMs = 1_000;

/** An instant on the monotonic and the wall clock. Of the two elapsed times, the longer one counts. */
export interface Instant {
  readonly at: number;
  readonly wallAt: number;
}

/**
 * Measures how old the state of this server may be. The age is the time since the start of the last read that
 * confirmed the head of the log, or of the last append by this server.
 *
 * @see [C1.2](../../../../docs/guarantees.md#c1-2), [C1.3](../../../../docs/guarantees.md#c1-3)
 */
export class Freshness {
  readonly #clock: Clock;
  #confirmed: Instant = { at: -Infinity, wallAt: -Infinity };
  #isBehind = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Must be called before the request to the database is sent. */
  instant(): Instant {
    return { at: this.#clock.now(), wallAt: this.#clock.wallNow() };
  }

  /** @param instant - instant at which the state was as new as the log */
  confirm(instant: Instant): void {
    if (instant.at < this.#confirmed.at) return;
    this.#confirmed = instant;
    this.#isBehind = false;
  }

  /** Makes the state stale until `confirm`. Called when the state and the log have different histories. */
  revoke(): void {
    this.#confirmed = { at: -Infinity, wallAt: -Infinity };
  }

  /** Makes the state stale until `confirm`. Called when a client has seen changes that this state lacks. */
  markBehind(): void {
    this.#isBehind = true;
  }

  get ageMs(): number {
    const { at, wallAt } = this.#confirmed;
    return Math.max(this.#clock.now() - at, this.#clock.wallNow() - wallAt);
  }

  get isCurrent(): boolean {
    return !this.#isBehind && this.ageMs <= maxAgeMs;
  }
}
