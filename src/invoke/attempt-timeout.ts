import { LatencyHistogram } from './latency-histogram.js';

const initialTimeoutMs = 250;
const minTimeoutMs = 25;
const maxTimeoutMs = 1_000;
/** If 99 % of the latencies are below this value, in ms, the computed timeout is at most `minTimeoutMs`. */
const fastMs = 4;
const samplesPerUpdate = 32;
const maxMethods = 32;

/**
 * The attempt timeouts of one service, by HTTP method. Each of the first 32 methods has its own timeout. All further
 * methods share one timeout.
 */
export class AttemptTimeouts {
  readonly #byMethod = new Map<string, AttemptTimeout>();
  // Caches the last result of `forMethod`, since most applications use the same method for most calls.
  #lastMethod = '';
  #lastTimeout: AttemptTimeout | undefined;

  /** Returns the attempt timeout that applies to `method`. */
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
   * Timeout of health probes, in ms: the longest attempt timeout of all methods, but at least 250. The minimum leaves
   * time to establish a connection, which latencies measured on open connections do not include.
   */
  get maxMs(): number {
    let max = initialTimeoutMs;
    for (const { timeoutMs } of this.#byMethod.values()) max = Math.max(max, timeoutMs);
    return max;
  }
}

/**
 * The attempt timeout of one HTTP method: how long an attempt may take before another endpoint is tried. The timeout is
 * computed from the recorded latencies of the method. A short timeout detects hung endpoints of a fast service early. A
 * long timeout avoids needless retries of a slow service.
 */
export class AttemptTimeout {
  /**
   * The timeout as of the last update, in ms: 3 × the 99th percentile of the latencies + 10, limited to 25 … 1,000. The
   * timeout is 250 while fewer than 10 latencies are recorded.
   *
   * @see [C2.1](../../docs/guarantees.md#c2-1)
   */
  timeoutMs = initialTimeoutMs;
  readonly #latencies = new LatencyHistogram();
  #samplesSinceUpdate = 0;

  /** Returns the timeout that applies at `now`, in ms; 250 if all recorded latencies have expired. */
  timeoutAt(now: number): number {
    return this.#latencies.isExpired(now) ? initialTimeoutMs : this.timeoutMs;
  }

  /**
   * Records the time from the start of an attempt to the response headers, or until the attempt was abandoned without a
   * response. A failure without a response, such as a refused connection, must not be recorded: its duration says
   * nothing about response times.
   */
  record(latencyMs: number, now: number): void {
    if (this.#latencies.add(latencyMs, now)) this.#samplesSinceUpdate = samplesPerUpdate;
    // The timeout is at its minimum, and all latencies since the last update were below `fastMs`. An update would not
    // change the timeout.
    if (latencyMs < fastMs && this.timeoutMs === minTimeoutMs && this.#samplesSinceUpdate === 0) return;
    if (
      ++this.#samplesSinceUpdate >= samplesPerUpdate ||
      this.timeoutMs === initialTimeoutMs ||
      latencyMs >= this.timeoutMs
    )
      this.#update();
  }

  /**
   * Returns the latency at `quantile` (0 … 1) of the recorded latencies, in ms, ≥ 4. Returns undefined while fewer than
   * 10 latencies are recorded.
   */
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
