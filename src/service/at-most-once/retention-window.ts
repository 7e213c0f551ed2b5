/**
 * How old a call may be. An id is judged by the wall clock as it is; what is remembered is forgotten only by an instant
 * that the clock has stood by for a whole window. So a clock that jumps ahead for a while drops no memory, and one that
 * is set back finds that what was dropped stays refused, since the store keeps that in mind.
 *
 * @see promises C3.6
 */
import type { Clock } from '../../core/clock.js';

/** How far a client's clock may be ahead, in ms. */
export const maxClockSkewMs = 5 * 60_000;

/** See the file's header. */
export class RetentionWindow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** The wall clock's lead over the monotonic one: the least there was in about the last window. */
  #wallOffset: number;
  /** While it is larger than that: since when, on the monotonic clock, and the least of it. */
  #largerOffset: { readonly since: number; offset: number } | undefined;
  /** When this memory began, in ms since 1970. */
  readonly startedAt: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.startedAt = clock.wallNow();
    this.#wallOffset = this.startedAt - clock.now();
  }

  /** Whether a call is older than is remembered, or from a future that no honest clock is in. */
  classify(createdAt: number): 'good' | 'old' | 'ahead' {
    const now = this.#clock.wallNow();
    if (createdAt < now - this.#windowMs) return 'old';
    return createdAt > now + maxClockSkewMs ? 'ahead' : 'good';
  }

  /** Calls born before this instant may be forgotten: they are refused by their age, now and in all likelihood later. */
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
