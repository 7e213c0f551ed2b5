import { LatencyHistogram } from './latency-histogram.js';

const initialTimeoutMs = 250;
const minTimeoutMs = 25;
const maxTimeoutMs = 1_000;
/** Latency below which a response cannot raise the timeout above its minimum, in ms. */
const fastMs = 4;
const samplesPerUpdate = 32;
const maxMethods = 32;

/**
 * The attempt timeouts of one service, by HTTP method. Each of the first 32 methods has its own timeout. All further
 * methods share one timeout.
 */
export class AttemptTimeouts {
  readonly #byMethod = new Map<string, AttemptTimeout>();
  // The method of the last call and its timeout, since most applications call one method most of the time.
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
   * The longest attempt timeout of all methods, in ms, ≥ 250. Used for probes. A probe may have to establish a
   * connection first, and latencies measured on open connections do not include that time.
   */
  get maxMs(): number {
    let max = initialTimeoutMs;
    for (const { timeoutMs } of this.#byMethod.values()) max = Math.max(max, timeoutMs);
    return max;
  }
}

/**
 * The attempt timeout of one HTTP method: how long an attempt may take before another endpoint is tried. The timeout is
 * computed from the latencies of the method. A hung endpoint of a fast service is thus detected early, and a slow
 * service is not flooded with retries.
 */
export class AttemptTimeout {
  /**
   * The timeout at its last update, in ms: 3 × the 99th percentile of the latencies + 10, within 25 … 1,000. While
   * fewer than 10 latencies are recorded the timeout is 250.
   *
   * @see [C2.1](../../docs/guarantees.md#c2-1)
   */
  timeoutMs = initialTimeoutMs;
  readonly #latencies = new LatencyHistogram();
  #samplesSinceUpdate = 0;

  /** The timeout of an attempt that starts at `now`, in ms; 250 when all latencies have expired. */
  timeoutAt(now: number): number {
    return this.#latencies.isExpired(now) ? initialTimeoutMs : this.timeoutMs;
  }

  /**
   * Records the time to the response headers, or the time until an attempt was abandoned. The latency of a fast failure
   * must not be recorded, since such a latency says nothing about responses.
   */
  record(latencyMs: number, now: number): void {
    if (this.#latencies.add(latencyMs, now)) this.#samplesSinceUpdate = samplesPerUpdate;
    // All responses since the last update were fast, so an update would leave the timeout at its minimum.
    if (latencyMs < fastMs && this.timeoutMs === minTimeoutMs && this.#samplesSinceUpdate === 0) return;
    if (
      ++this.#samplesSinceUpdate >= samplesPerUpdate ||
      this.timeoutMs === initialTimeoutMs ||
      latencyMs >= this.timeoutMs
    )
      this.#update();
  }

  /** The latency at the given quantile, in ms, ≥ 4; undefined while fewer than 10 latencies are recorded. */
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
