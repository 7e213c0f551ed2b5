/**
 * How long one attempt may take before another endpoint is asked: learned from the answers of each method of a
 * service, so that a fast service notices a silent endpoint fast and a slow one is not stormed.
 */

const unknownMs = 250;
const leastMs = 25;
const mostMs = 1_000;
const neededSamples = 10;
const recomputeEvery = 32;
const generationMs = 10_000;
// The first is for all up to 4 ms, which the least limit is enough for; then a quarter of an octave each up to 2^16 ms,
// so an upper edge is at most 19 % above what fell below it.
const buckets = 57;
const firstMs = 4;
const keptMethods = 32;

/** Limits of one service. */
export class AttemptLimits {
  readonly #methods = new Map<string, LatencyWindow>();
  // Most programs call one method most of the time.
  #lastMethod = '';
  #lastWindow: LatencyWindow | undefined;

  /**
   * What is known of one method. Methods differ, so each has its own memory; 32 at most, the rest share one.
   */
  of(method: string): LatencyWindow {
    if (this.#lastWindow !== undefined && method === this.#lastMethod) return this.#lastWindow;
    let window = this.#methods.get(method);
    if (window === undefined) {
      const key = this.#methods.size < keptMethods ? method : '*';
      window = this.#methods.get(key) ?? new LatencyWindow();
      this.#methods.set(key, window);
    }
    this.#lastMethod = method;
    this.#lastWindow = window;
    return window;
  }

  /**
   * The largest limit of any method and at least 250, in ms: nothing that lives needs longer for a sign of life, also
   * where it must be connected to first, which the answers on warm connections say nothing of.
   */
  get mostMs(): number {
    let most = unknownMs;
    for (const window of this.#methods.values()) most = Math.max(most, window.limitMs);
    return most;
  }
}

/** What is known of one method: three generations of ten seconds of log-scaled counts. */
export class LatencyWindow {
  /**
   * The limit by what was noted last, in ms: 250 while fewer than 10 answers are known, then 3 × the 99th percentile of
   * the last 20–30 s + 10, within 25 … 1,000.
   *
   * @see promises C2.1
   */
  limitMs = unknownMs;
  readonly #generations = [new Uint32Array(buckets), new Uint32Array(buckets), new Uint32Array(buckets)];
  #newest = 0;
  #turnedAt = 0;
  #sinceComputed = 0;

  /** The limit for an attempt that begins now: as if nothing were known, when nothing was heard for that long. */
  limitAt(now: number): number {
    return now - this.#turnedAt < 3 * generationMs ? this.limitMs : unknownMs;
  }

  /**
   * Notes how long an attempt took to its answer's head, or how long it was waited for in vain.
   * Fast failures must not be noted: they say nothing about how long an answer takes.
   */
  record(latencyMs: number, now: number): void {
    if (now - this.#turnedAt >= generationMs) this.#turn(now);
    const bucket = latencyMs < firstMs ? 0 : Math.min(buckets - 1, Math.floor(4 * Math.log2(latencyMs)) - 7);
    const counts = this.#generations[this.#newest] as Uint32Array;
    counts[bucket] = (counts[bucket] as number) + 1;
    // Nothing but the fastest since the limit was computed: it is as low as it can be, and stays so.
    if (bucket === 0 && this.limitMs === leastMs && this.#sinceComputed === 0) return;
    if (++this.#sinceComputed >= recomputeEvery || this.limitMs === unknownMs || latencyMs >= this.limitMs)
      this.#compute();
  }

  /** What this share of the answers took at most, in ms, 4 at least; undefined while fewer than 10 are known. */
  quantileMs(share: number): number | undefined {
    const total = this.#total();
    return total < neededSamples ? undefined : this.#edge(total * (1 - share));
  }

  /** Begins a new generation, and forgets as many as have passed since the newest began. */
  #turn(now: number): void {
    const passed = Math.floor((now - this.#turnedAt) / generationMs);
    for (let i = 0; i < Math.min(3, passed); i++) {
      this.#newest = (this.#newest + 1) % 3;
      (this.#generations[this.#newest] as Uint32Array).fill(0);
    }
    this.#turnedAt += passed * generationMs;
    this.#sinceComputed = recomputeEvery;
  }

  #compute(): void {
    this.#sinceComputed = 0;
    const total = this.#total();
    this.limitMs =
      total < neededSamples
        ? unknownMs
        : Math.min(mostMs, Math.max(leastMs, 3 * this.#edge(total * 0.01) + 10));
  }

  #total(): number {
    const [a, b, c] = this.#generations as [Uint32Array, Uint32Array, Uint32Array];
    let total = 0;
    for (let i = 0; i < buckets; i++) total += (a[i] as number) + (b[i] as number) + (c[i] as number);
    return total;
  }

  /** The upper edge of the bucket above which there are no more than `above`, in ms. */
  #edge(above: number): number {
    const [a, b, c] = this.#generations as [Uint32Array, Uint32Array, Uint32Array];
    let left = above;
    let bucket = buckets - 1;
    for (; bucket > 0; bucket--) {
      left -= (a[bucket] as number) + (b[bucket] as number) + (c[bucket] as number);
      if (left < 0) break;
    }
    return 2 ** ((bucket + 8) / 4);
  }
}
