import type { Clock } from '../../core/clock.js';

/** Maximum time by which the creation of a key may lie in the future, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/**
 * Decides by age whether a key is accepted, and whether its record may be removed. A forward jump of the wall clock
 * removes no record early. After a backward jump, the store rejects the keys whose records it has removed.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /**
   * Wall clock minus monotonic clock, in ms. Follows a backward jump of the wall clock at once, and a forward jump
   * after `windowMs`.
   */
  #wallOffset: number;
  /**
   * A forward jump that `#wallOffset` does not follow yet. `offset` is the smallest difference of the clocks since
   * `since`.
   */
  #largerOffset: { readonly since: number; offset: number } | undefined;
  /** When this process began to accept keys, in ms since 1970. */
  readonly startedAt: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.startedAt = clock.wallNow();
    this.#wallOffset = this.startedAt - clock.now();
  }

  classify(createdAt: number): 'valid' | 'expired' | 'future' {
    const now = this.#clock.wallNow();
    if (createdAt < now - this.#windowMs) return 'expired';
    return createdAt > now + maxClockSkewMs ? 'future' : 'valid';
  }

  /**
   * Calls created before the returned time (in ms since 1970) are rejected by age, so their records may be removed.
   *
   * @param keptMs - time for which calls are kept, at most the window. If the time is shorter than the window, the
   * store itself must reject the keys of the removed calls
   */
  expiredBefore(keptMs = this.#windowMs): number {
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
    return Math.floor(now + this.#wallOffset - keptMs);
  }
}
