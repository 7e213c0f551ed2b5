/**
 * How many endpoints of a large fleet one clerk uses. Few clerks with much to do would leave most of a fleet idle with a
 * fixed number: so it is doubled, once a second at most, while a choice finds that even the better endpoint has eight of
 * this clerk's calls in flight, and halved again after each minute in which that did not happen.
 *
 * @see Finagle, aperture load band, which widens by the same signal
 */

const widenMs = 1_000;
const narrowMs = 60_000;

/** See the file's header. */
export class Width {
  /** Whether there are more than it uses. */
  isNarrow = false;
  readonly #least: number;
  #size: number;
  #changedAt = -Infinity;

  /** @param least - integer ≥ 1, or Infinity for all */
  constructor(least: number) {
    this.#least = least;
    this.#size = least;
  }

  /** How many now. */
  sizeAt(now: number): number {
    while (this.#size > this.#least && now - this.#changedAt >= narrowMs) {
      this.#size = Math.max(this.#least, this.#size / 2);
      this.#changedAt += narrowMs;
    }
    return this.#size;
  }

  /** Twice as many, unless that was done just now. @returns whether it was done */
  widen(now: number): boolean {
    if (now - this.#changedAt < widenMs) return false;
    this.#size = this.sizeAt(now) * 2;
    this.#changedAt = now;
    return true;
  }
}
