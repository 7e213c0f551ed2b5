const generationMs = 10_000;
const minSamples = 10;
// Bucket 0 counts latencies below 4 ms. The upper edge of each further bucket is 19 % higher (factor 2^¼), to 2^16 ms.
const bucketCount = 57;
const firstBucketMs = 4;

/**
 * Counts the latencies of the last 20 to 30 s in three generations of 10 s. A generation with fewer than 10 latencies
 * lasts longer than 10 s, so that rarely used routes are learned too.
 */
export class LatencyHistogram {
  readonly #generations = [
    new Uint32Array(bucketCount),
    new Uint32Array(bucketCount),
    new Uint32Array(bucketCount),
  ];
  #newest = 0;
  #newestSamples = 0;
  #rotatedAt = 0;
  #addedAt = 0;

  isExpired(now: number): boolean {
    return now - this.#addedAt >= 3 * generationMs;
  }

  add(latencyMs: number, now: number): boolean {
    const mustRotate =
      now - this.#rotatedAt >= generationMs && (this.#newestSamples >= minSamples || this.isExpired(now));
    if (mustRotate) this.#rotate(now);
    this.#newestSamples++;
    this.#addedAt = Math.floor(now);
    const bucket =
      latencyMs < firstBucketMs ? 0 : Math.min(bucketCount - 1, Math.floor(4 * Math.log2(latencyMs)) - 7);
    const counts = this.#generations[this.#newest] as Uint32Array;
    counts[bucket] = (counts[bucket] as number) + 1;
    return mustRotate;
  }

  /**
   * Returns the latency that the fraction `fractionAbove` of all latencies exceeds, in ms, rounded up to the edge of
   * its bucket. Undefined with fewer than 10 latencies. `edgeMs(0.01)` is the 99th percentile.
   */
  edgeMs(fractionAbove: number): number | undefined {
    const [a, b, c] = this.#generations as [Uint32Array, Uint32Array, Uint32Array];
    let total = 0;
    for (let i = 0; i < bucketCount; i++) total += (a[i] as number) + (b[i] as number) + (c[i] as number);
    if (total < minSamples) return undefined;
    let remaining = total * fractionAbove;
    let bucket = bucketCount - 1;
    for (; bucket > 0; bucket--) {
      remaining -= (a[bucket] as number) + (b[bucket] as number) + (c[bucket] as number);
      if (remaining < 0) break;
    }
    return 2 ** ((bucket + 8) / 4);
  }

  #rotate(now: number): void {
    const passed = Math.floor(now / generationMs) - Math.floor(this.#addedAt / generationMs);
    const cleared = this.isExpired(now) ? 3 : Math.max(1, Math.min(2, passed));
    for (let i = 0; i < cleared; i++) {
      this.#newest = (this.#newest + 1) % 3;
      (this.#generations[this.#newest] as Uint32Array).fill(0);
    }
    this.#newestSamples = 0;
    this.#rotatedAt = now - (now % generationMs);
  }
}
