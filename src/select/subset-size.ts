/**
 * How many endpoints of a large fleet one clerk uses. Few clerks with much to do would leave most of a fleet idle with a
 * fixed number: so it is doubled, once a second at most, while a choice finds that even the better endpoint has eight of
 * this clerk's calls in flight, and halved again after each minute in which that did not happen.
 *
 * @see Finagle, aperture load band, which widens by the same signal
 */

const growIntervalMs = 1_000;
const shrinkIntervalMs = 60_000;

/** See the file's header. */
export class AdaptiveSubsetSize {
  /** Whether there are more than it uses. */
  isLimiting = false;
  readonly #minSize: number;
  #size: number;
  #changedAt = -Infinity;

  /** @param minSize - integer ≥ 1, or Infinity for all */
  constructor(minSize: number) {
    this.#minSize = minSize;
    this.#size = minSize;
  }

  /** How many now. */
  sizeAt(now: number): number {
    while (this.#size > this.#minSize && now - this.#changedAt >= shrinkIntervalMs) {
      this.#size = Math.max(this.#minSize, this.#size / 2);
      this.#changedAt += shrinkIntervalMs;
    }
    return this.#size;
  }

  /** Twice as many, unless that was done just now. @returns whether it was done */
  tryDouble(now: number): boolean {
    if (now - this.#changedAt < growIntervalMs) return false;
    this.#size = this.sizeAt(now) * 2;
    this.#changedAt = now;
    return true;
  }
}
