const growIntervalMs = 1_000;
const shrinkIntervalMs = 60_000;

/**
 * Number of endpoints of a large service that one client uses. The number doubles, at most once per second, while a
 * picked endpoint has at least 8 calls of this client in flight. After each 60 s without a change, the number is
 * halved. @see [Finagle, aperture load band](https://twitter.github.io/finagle/guide/ApertureLoadBalancers.html)
 */
export class AdaptiveSubsetSize {
  /** Whether the current number leaves endpoints of the service unused. Set by the balancer. */
  isLimiting = false;
  readonly #minSize: number;
  #size: number;
  #changedAt = -Infinity;

  /** @param minSize - also the initial size; Infinity for all endpoints */
  constructor(minSize: number) {
    this.#minSize = minSize;
    this.#size = minSize;
  }

  sizeAt(now: number): number {
    while (this.#size > this.#minSize && now - this.#changedAt >= shrinkIntervalMs) {
      this.#size = Math.max(this.#minSize, this.#size / 2);
      this.#changedAt += shrinkIntervalMs;
    }
    return this.#size;
  }

  tryDouble(now: number): boolean {
    if (now - this.#changedAt < growIntervalMs) return false;
    this.#size = this.sizeAt(now) * 2;
    this.#changedAt = now;
    return true;
  }
}
