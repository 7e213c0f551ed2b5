import type { Clock } from '../../core/clock.js';

/** Maximum difference by which the creation time of a key may be ahead of the clock of this process, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/**
 * Decides by age whether a key is accepted, and when its record may be removed. A forward jump of the wall clock
 * delays removals for `windowMs`. The store rejects the keys of removed records, even after the clock is set back.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /**
   * Smallest difference between wall clock and monotonic clock in the last `windowMs`, in ms. The smallest difference
   * ignores recent forward jumps of the wall clock.
   */
  #wallOffset: number;
  /**
   * A larger difference of the clocks that is under observation. `since` is the monotonic time of its first
   * measurement. `offset` is the smallest difference measured since then.
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
