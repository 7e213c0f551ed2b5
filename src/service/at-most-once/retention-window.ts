import type { Clock } from '../../core/clock.js';

/** Maximum time by which the creation time of a key may be ahead of this process's clock, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/**
 * Decides by age whether a key is accepted and when its record may be removed. The current wall clock determines which
 * keys are accepted. Removal ignores a forward jump of the wall clock until the jump has lasted for `windowMs`. A clock
 * that is ahead for a shorter time therefore causes no removal. The store rejects the keys of removed records, even
 * after the clock is set back.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /**
   * Smallest value of wall clock minus monotonic clock during about the last `windowMs`, in ms. Forward jumps of the
   * wall clock do not change the smallest value at once.
   */
  #wallOffset: number;
  /**
   * Set while wall clock minus monotonic clock is larger than `#wallOffset`. `since` is when the larger value was first
   * seen, on the monotonic clock. `offset` is the smallest value since then.
   */
  #largerOffset: { readonly since: number; offset: number } | undefined;
  /** When this object was created, in ms since 1970. */
  readonly startedAt: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.startedAt = clock.wallNow();
    this.#wallOffset = this.startedAt - clock.now();
  }

  /**
   * Returns whether a key is valid, older than `windowMs`, or created too far in the future.
   *
   * @param createdAt - when the key was created, in ms since 1970
   */
  classify(createdAt: number): 'valid' | 'expired' | 'future' {
    const now = this.#clock.wallNow();
    if (createdAt < now - this.#windowMs) return 'expired';
    return createdAt > now + maxClockSkewMs ? 'future' : 'valid';
  }

  /**
   * Returns a time, in ms since 1970. Records of calls created before that time may be removed, because the keys of
   * these calls are rejected by age.
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
