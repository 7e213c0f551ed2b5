import type { Clock } from '../../core/clock.js';

/** The creation time of a key may be ahead of the clock of this process by at most this time, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/**
 * Decides by age whether a key is accepted, and when its record may be removed. After a forward jump of the wall
 * clock, no record is removed early. The store rejects the keys of removed records, even after the clock is set back.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /**
   * Wall clock minus monotonic clock, in ms, for removals. Follows a backward jump of the wall clock at once, and a
   * forward jump after `windowMs`.
   */
  #wallOffset: number;
  /**
   * A forward jump of the wall clock that is younger than `windowMs`. `since`: monotonic time at which the jump was
   * noticed. `offset`: smallest difference of the clocks since then.
   */
  #largerOffset: { readonly since: number; offset: number } | undefined;
  /** Time at which this process began to accept keys, in ms since 1970. */
  readonly startedAt: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.startedAt = clock.wallNow();
    this.#wallOffset = this.startedAt - clock.now();
  }

  /** @param createdAt - time at which the key was created, in ms since 1970 */
  classify(createdAt: number): 'valid' | 'expired' | 'future' {
    const now = this.#clock.wallNow();
    if (createdAt < now - this.#windowMs) return 'expired';
    return createdAt > now + maxClockSkewMs ? 'future' : 'valid';
  }

  /**
   * Returns a time in ms since 1970. Calls created before this time are rejected by age, so their records may be
   * removed.
   */
  expiredBefore(): number {
    const now = this.#clock.now();
    const offset = this.#clock.wallNow() - now;
    if (offset <= this.#wallOffset) {
      this.#wallOffset = offset;
      this.#largerOffset = undefined;
    } else if (this.#largerOffset === undefined) this.#largerOffset = { since: now, offset };
    else {
      this.#largerOffset.offset = Math.min(this.#largerOffset.offset, offset);
      if (now - this.#largerOffset.since >= this.#windowMs) {
        this.#wallOffset = this.#largerOffset.offset;
        this.#largerOffset = undefined;
      }
    }
    return Math.floor(now + this.#wallOffset - this.#windowMs);
  }
}
