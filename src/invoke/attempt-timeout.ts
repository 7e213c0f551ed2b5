/**
 * How long one attempt may take before another endpoint is asked: learned from the answers of each method of a
 * service, so that a fast service notices a silent endpoint fast and a slow one is not stormed.
 */

const initialTimeoutMs = 250;
const minTimeoutMs = 25;
const maxTimeoutMs = 1_000;
const minSamples = 10;
const samplesPerUpdate = 32;
const generationMs = 10_000;
// The first is for all up to 4 ms, which the least limit is enough for; then a quarter of an octave each up to 2^16 ms,
// so an upper edge is at most 19 % above what fell below it.
const bucketCount = 57;
const firstBucketMs = 4;
const maxMethods = 32;

/** Limits of one service. */
export class AttemptTimeouts {
  readonly #histograms = new Map<string, LatencyHistogram>();
  // Most programs call one method most of the time.
  #lastMethod = '';
  #lastHistogram: LatencyHistogram | undefined;

  /**
   * What is known of one method. Methods differ, so each has its own memory; 32 at most, the rest share one.
   */
  forMethod(method: string): LatencyHistogram {
    if (this.#lastHistogram !== undefined && method === this.#lastMethod) return this.#lastHistogram;
    let histogram = this.#histograms.get(method);
    if (histogram === undefined) {
      const key = this.#histograms.size < maxMethods ? method : '*';
      histogram = this.#histograms.get(key) ?? new LatencyHistogram();
      this.#histograms.set(key, histogram);
    }
    this.#lastMethod = method;
    this.#lastHistogram = histogram;
    return histogram;
  }

  /**
   * The largest limit of any method and at least 250, in ms: nothing that lives needs longer for a sign of life, also
   * where it must be connected to first, which the answers on warm connections say nothing of.
   */
  get maxMs(): number {
    let max = initialTimeoutMs;
    for (const histogram of this.#histograms.values()) max = Math.max(max, histogram.timeoutMs);
    return max;
  }
}

/** What is known of one method: three generations of ten seconds of log-scaled counts. */
export class LatencyHistogram {
  /**
   * The limit by what was noted last, in ms: 250 while fewer than 10 answers are known, then 3 × the 99th percentile of
   * the last 20–30 s + 10, within 25 … 1,000.
   *
   * @see promises C2.1
   */
  timeoutMs = initialTimeoutMs;
  readonly #generations = [
    new Uint32Array(bucketCount),
    new Uint32Array(bucketCount),
    new Uint32Array(bucketCount),
  ];
  #newest = 0;
  #rotatedAt = 0;
  #samplesSinceUpdate = 0;

  /** The limit for an attempt that begins now: as if nothing were known, when nothing was heard for that long. */
  timeoutAt(now: number): number {
    return now - this.#rotatedAt < 3 * generationMs ? this.timeoutMs : initialTimeoutMs;
  }

  /**
   * Notes how long an attempt took to its answer's head, or how long it was waited for in vain.
   * Fast failures must not be noted: they say nothing about how long an answer takes.
   */
  record(latencyMs: number, now: number): void {
    if (now - this.#rotatedAt >= generationMs) this.#rotate(now);
    const bucket =
      latencyMs < firstBucketMs ? 0 : Math.min(bucketCount - 1, Math.floor(4 * Math.log2(latencyMs)) - 7);
    const counts = this.#generations[this.#newest] as Uint32Array;
    counts[bucket] = (counts[bucket] as number) + 1;
    // Nothing but the fastest since the limit was computed: it is as low as it can be, and stays so.
    if (bucket === 0 && this.timeoutMs === minTimeoutMs && this.#samplesSinceUpdate === 0) return;
    if (
      ++this.#samplesSinceUpdate >= samplesPerUpdate ||
      this.timeoutMs === initialTimeoutMs ||
      latencyMs >= this.timeoutMs
    )
      this.#updateTimeout();
  }

  /** What this share of the answers took at most, in ms, 4 at least; undefined while fewer than 10 are known. */
  quantileMs(quantile: number): number | undefined {
    const total = this.#total();
    return total < minSamples ? undefined : this.#upperEdgeMs(total * (1 - quantile));
  }

  /** Begins a new generation, and forgets as many as have passed since the newest began. */
  #rotate(now: number): void {
    const passed = Math.floor((now - this.#rotatedAt) / generationMs);
    for (let i = 0; i < Math.min(3, passed); i++) {
      this.#newest = (this.#newest + 1) % 3;
      (this.#generations[this.#newest] as Uint32Array).fill(0);
    }
    this.#rotatedAt += passed * generationMs;
    this.#samplesSinceUpdate = samplesPerUpdate;
  }

  #updateTimeout(): void {
    this.#samplesSinceUpdate = 0;
    const total = this.#total();
    this.timeoutMs =
      total < minSamples
        ? initialTimeoutMs
        : Math.min(maxTimeoutMs, Math.max(minTimeoutMs, 3 * this.#upperEdgeMs(total * 0.01) + 10));
  }

  #total(): number {
    const [a, b, c] = this.#generations as [Uint32Array, Uint32Array, Uint32Array];
    let total = 0;
    for (let i = 0; i < bucketCount; i++) total += (a[i] as number) + (b[i] as number) + (c[i] as number);
    return total;
  }

  /** The upper edge of the bucket above which there are no more than `above`, in ms. */
  #upperEdgeMs(above: number): number {
    const [a, b, c] = this.#generations as [Uint32Array, Uint32Array, Uint32Array];
    let remaining = above;
    let bucket = bucketCount - 1;
    for (; bucket > 0; bucket--) {
      remaining -= (a[bucket] as number) + (b[bucket] as number) + (c[bucket] as number);
      if (remaining < 0) break;
    }
    return 2 ** ((bucket + 8) / 4);
  }
}
