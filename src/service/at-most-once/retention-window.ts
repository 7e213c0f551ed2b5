import type { Clock } from '../../core/clock.js';

/** Maximum lead of a client's clock, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/**
 * Decides by age whether a key is accepted and when its record may be removed. Keys are judged by the current
 * wall clock. Records are removed only once the wall clock has been past their expiry for a whole window. A
 * clock that jumps ahead for a while therefore removes nothing. The store keeps rejecting removed keys, so a
 * clock that is set back admits none of them.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** Smallest offset of the wall clock from the monotonic one during about the last window, in ms. */
  #wallOffset: number;
  /** While the offset is larger: since when, on the monotonic clock, and its smallest value since. */
  #largerOffset: { readonly since: number; offset: number } | undefined;
  /** When the retention began, in ms since 1970. */
  readonly startedAt: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.startedAt = clock.wallNow();
    this.#wallOffset = this.startedAt - clock.now();
  }

  /** Compares a creation time with the window and the allowed clock skew. */
  classify(createdAt: number): 'valid' | 'expired' | 'future' {
    const now = this.#clock.wallNow();
    if (createdAt < now - this.#windowMs) return 'expired';
    return createdAt > now + maxClockSkewMs ? 'future' : 'valid';
  }

  /** Calls created before this instant, in ms since 1970, may be removed: their keys are rejected by age. */
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
