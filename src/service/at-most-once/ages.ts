/**
 * How old a call may be. An id is judged by the wall clock as it is; what is remembered is forgotten only by an instant
 * that the clock has stood by for a whole window. So a clock that jumps ahead for a while drops no memory, and one that
 * is set back finds that what was dropped stays refused, since the store keeps that in mind.
 *
 * @see promises C3.6
 */
import type { Clock } from '../../core/clock.js';

/** How far a client's clock may be ahead, in ms. */
export const mostAheadMs = 5 * 60_000;

/** See the file's header. */
export class Ages {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** The wall clock's lead over the monotonic one: the least there was in about the last window. */
  #lead: number;
  /** While it is larger than that: since when, on the monotonic clock, and the least of it. */
  #larger: { readonly since: number; lead: number } | undefined;
  /** When this memory began, in ms since 1970. */
  readonly beganAt: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.beganAt = clock.wallNow();
    this.#lead = this.beganAt - clock.now();
  }

  /** Whether a call is older than is remembered, or from a future that no honest clock is in. */
  judge(bornAt: number): 'good' | 'old' | 'ahead' {
    const now = this.#clock.wallNow();
    if (bornAt < now - this.#windowMs) return 'old';
    return bornAt > now + mostAheadMs ? 'ahead' : 'good';
  }

  /** Calls born before this instant may be forgotten: they are refused by their age, now and in all likelihood later. */
  forgettable(): number {
    const now = this.#clock.now();
    const lead = this.#clock.wallNow() - now;
    if (lead <= this.#lead) {
      this.#lead = lead;
      this.#larger = undefined;
    } else if (this.#larger === undefined) this.#larger = { since: now, lead };
    else {
      this.#larger.lead = Math.min(this.#larger.lead, lead);
      if (now - this.#larger.since >= this.#windowMs) {
        this.#lead = this.#larger.lead;
        this.#larger = undefined;
      }
    }
    return Math.floor(now + this.#lead - this.#windowMs);
  }
}
