/** Factor by which one response moves the common latency. */
const step = 1.02;

/**
 * Converts the latencies of different route classes to one scale, so that a response of a slow route, which is slow at
 * every endpoint, does not make its endpoint look slow.
 */
export class LatencyScale {
  /** Running median of the usual latencies of all responses, in ms; 0 before the first. */
  #commonMs = 0;

  /**
   * Returns the latency that a response of the most common route classes would have had in place of `latencyMs`.
   *
   * @param usualMs - median latency of the route class; undefined while unknown, then `latencyMs` is returned
   */
  toCommon(latencyMs: number, usualMs: number | undefined): number {
    if (usualMs === undefined || usualMs <= 0) return latencyMs;
    if (this.#commonMs === 0) this.#commonMs = usualMs;
    else if (usualMs > this.#commonMs) this.#commonMs = Math.min(usualMs, this.#commonMs * step);
    else if (usualMs < this.#commonMs) this.#commonMs = Math.max(usualMs, this.#commonMs / step);
    return latencyMs * (this.#commonMs / usualMs);
  }
}
