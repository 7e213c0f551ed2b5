const growIntervalMs = 1_000;
const shrinkIntervalMs = 60_000;

/**
 * Number of endpoints that one client uses of a service with many. With a fixed number, few busy clients would leave
 * most endpoints idle. The size doubles, at most once per second, while a pick finds 8 calls of this client in flight
 * at the better endpoint. It is halved after each minute without such a pick.
 *
 * @see [Finagle, aperture load band](https://twitter.github.io/finagle/guide/ApertureLoadBalancers.html)
 */
export class AdaptiveSubsetSize {
  /** Whether the service has more endpoints than the size. Set by the balancer. */
  isLimiting = false;
  readonly #minSize: number;
  #size: number;
  #changedAt = -Infinity;

  /** @param minSize - initial and smallest size: integer ≥ 1, or Infinity for all endpoints */
  constructor(minSize: number) {
    this.#minSize = minSize;
    this.#size = minSize;
  }

  /** The size at `now`. */
  sizeAt(now: number): number {
    while (this.#size > this.#minSize && now - this.#changedAt >= shrinkIntervalMs) {
      this.#size = Math.max(this.#minSize, this.#size / 2);
      this.#changedAt += shrinkIntervalMs;
    }
    return this.#size;
  }

  /** Doubles the size unless it changed less than 1 s ago. @returns whether it was doubled */
  tryDouble(now: number): boolean {
    if (now - this.#changedAt < growIntervalMs) return false;
    this.#size = this.sizeAt(now) * 2;
    this.#changedAt = now;
    return true;
  }
}
