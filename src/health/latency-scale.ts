/** One response raises or lowers `#commonMs` at most by this factor. */
const step = 1.02;

/**
 * Converts the latencies of different route classes to one scale. Without the conversion, a response of a slow route
 * would make its endpoint look slow.
 */
export class LatencyScale {
  /** Approximate median of `usualMs` over all responses, or 0 before the first response. */
  #commonMs = 0;

  /** @param usualMs - the usual latency of the route class of the response, in ms */
  toCommon(latencyMs: number, usualMs: number | undefined): number {
    if (usualMs === undefined || usualMs <= 0) return latencyMs;
    if (this.#commonMs === 0) this.#commonMs = usualMs;
    else if (usualMs > this.#commonMs) this.#commonMs = Math.min(usualMs, this.#commonMs * step);
    else if (usualMs < this.#commonMs) this.#commonMs = Math.max(usualMs, this.#commonMs / step);
    return latencyMs * (this.#commonMs / usualMs);
  }
}
