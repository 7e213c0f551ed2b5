import { LatencyHistogram } from './latency-histogram.js';

const initialTimeoutMs = 250;
const minTimeoutMs = 25;
const maxTimeoutMs = 1_000;
/** The latency below which a minimal timeout stays minimal, in ms. */
const fastMs = 4;
const samplesPerUpdate = 32;
const maxMethods = 32;

/**
 * The attempt timeouts of one service, one for each HTTP method. The first 32 methods have their own, the rest share
 * one.
 */
export class AttemptTimeouts {
  readonly #byMethod = new Map<string, AttemptTimeout>();
  // Most applications call one method most of the time.
  #lastMethod = '';
  #lastTimeout: AttemptTimeout | undefined;

  /** The attempt timeout of one method. */
  forMethod(method: string): AttemptTimeout {
    if (this.#lastTimeout !== undefined && method === this.#lastMethod) return this.#lastTimeout;
    let timeout = this.#byMethod.get(method);
    if (timeout === undefined) {
      const key = this.#byMethod.size < maxMethods ? method : '*';
      timeout = this.#byMethod.get(key) ?? new AttemptTimeout();
      this.#byMethod.set(key, timeout);
    }
    this.#lastMethod = method;
    this.#lastTimeout = timeout;
    return timeout;
  }

  /**
   * The longest timeout of any method, at least 250 ms. Used for probes: their connection may have to be established,
   * which the latencies on open connections do not include.
   */
  get maxMs(): number {
    let max = initialTimeoutMs;
    for (const { timeoutMs } of this.#byMethod.values()) max = Math.max(max, timeoutMs);
    return max;
  }
}

/**
 * How long one attempt may take before another endpoint is tried. Derived from the latencies of its method, so that a
 * fast service detects a hung endpoint early, and a slow service is not flooded with retries.
 */
export class AttemptTimeout {
  /**
   * The timeout as of the last latency, in ms: 3 × the 99th percentile + 10, within 25 … 1,000; 250 while there are
   * fewer than 10 latencies.
   *
   * @see [C2.1](../../docs/guarantees.md#c2-1)
   */
  timeoutMs = initialTimeoutMs;
  readonly #latencies = new LatencyHistogram();
  #samplesSinceUpdate = 0;

  /** The timeout of an attempt that starts now, in ms. Back to 250 when all latencies have expired. */
  timeoutAt(now: number): number {
    return this.#latencies.isExpired(now) ? initialTimeoutMs : this.timeoutMs;
  }

  /**
   * Records the time to the response headers, or the time until an attempt was abandoned. Fast failures must not be
   * recorded, since they say nothing about the latency of responses.
   */
  record(latencyMs: number, now: number): void {
    if (this.#latencies.add(latencyMs, now)) this.#samplesSinceUpdate = samplesPerUpdate;
    // Only fast responses since the last update: the timeout is minimal already.
    if (latencyMs < fastMs && this.timeoutMs === minTimeoutMs && this.#samplesSinceUpdate === 0) return;
    if (
      ++this.#samplesSinceUpdate >= samplesPerUpdate ||
      this.timeoutMs === initialTimeoutMs ||
      latencyMs >= this.timeoutMs
    )
      this.#update();
  }

  /** The latency quantile, in ms, ≥ 4; undefined while there are fewer than 10 latencies. */
  quantileMs(quantile: number): number | undefined {
    return this.#latencies.edgeMs(1 - quantile);
  }

  #update(): void {
    this.#samplesSinceUpdate = 0;
    const p99Ms = this.#latencies.edgeMs(0.01);
    this.timeoutMs =
      p99Ms === undefined ? initialTimeoutMs : Math.min(maxTimeoutMs, Math.max(minTimeoutMs, 3 * p99Ms + 10));
  }
}
