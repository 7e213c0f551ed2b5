import type { Clock } from '../../core/clock.js';

/** Maximum time by which the clock of a client may be ahead of this process's clock, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/**
 * Decides by age whether a key is accepted and when its record may be removed. Keys are judged by the current wall
 * clock. Removal ignores a forward jump of the wall clock until the jump has lasted for `windowMs`. A clock that is
 * wrong for a shorter time therefore removes no records. The store rejects the keys of removed records, so such a key
 * stays rejected when the clock is set back.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** Smallest difference of wall clock minus monotonic clock during about the last `windowMs`, in ms. */
  #wallOffset: number;
  /**
   * Set while the difference is larger than `#wallOffset`: `since` is the time of the increase on the monotonic
   * clock, `offset` the smallest difference since then.
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

  /** Compares the creation time of a key with the window and the maximum clock skew. */
  classify(createdAt: number): 'valid' | 'expired' | 'future' {
    const now = this.#clock.wallNow();
    if (createdAt < now - this.#windowMs) return 'expired';
    return createdAt > now + maxClockSkewMs ? 'future' : 'valid';
  }

  /**
   * Returns a time, in ms since 1970. Calls created before that time may be removed, since their keys are rejected by
   * age.
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
