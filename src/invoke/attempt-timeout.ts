import { LatencyHistogram } from './latency-histogram.js';
import type { AttemptTimeoutBounds } from './retry-settings.js';

/** Attempt timeout of a route class with fewer than 10 recorded latencies, in ms. */
const initialTimeoutMs = 250;
/** Longest attempt timeout of a route class with fewer than 20 recorded latencies, in ms. */
export const maxTimeoutMs = 1_000;
/** Number of latencies after which the attempt timeout may exceed 1,000 ms. */
const samplesForLongTimeout = 20;
/** If 99 % of the latencies are below this value, in ms, the computed timeout is at most 25 ms. */
const fastMs = 4;
const fastTimeoutMs = 25;
const samplesPerUpdate = 32;
const maxClasses = 256;

/**
 * The attempt timeouts of one service, by HTTP method and route class. Each of the first 256 pairs of method and class
 * has a timeout. All further pairs share one timeout.
 */
export class AttemptTimeouts {
  readonly #byMethod = new Map<string, Map<string, AttemptTimeout>>();
  readonly #shared = new AttemptTimeout();
  #size = 0;
  // Caches the last result, since most applications call the same route many times in a row.
  #lastMethod = '';
  #lastRoute = '';
  #lastTimeout: AttemptTimeout | undefined;

  /** Returns the attempt timeout of requests with `method` to the class `route`. */
  forRoute(method: string, route: string): AttemptTimeout {
    if (this.#lastTimeout !== undefined && route === this.#lastRoute && method === this.#lastMethod)
      return this.#lastTimeout;
    const timeout = this.#find(method, route);
    this.#lastMethod = method;
    this.#lastRoute = route;
    this.#lastTimeout = timeout;
    return timeout;
  }

  /** Returns the route classes whose attempt timeout is learned at `now`. */
  learned(
    now: number,
  ): { readonly method: string; readonly route: string; readonly timeout: AttemptTimeout }[] {
    return [...this.#byMethod].flatMap(([method, byRoute]) =>
      [...byRoute].flatMap(([route, timeout]) =>
        timeout.isLearned(now) ? [{ method, route, timeout }] : [],
      ),
    );
  }

  #find(method: string, route: string): AttemptTimeout {
    let byRoute = this.#byMethod.get(method);
    let timeout = byRoute?.get(route);
    if (timeout !== undefined) return timeout;
    if (this.#size >= maxClasses) return this.#shared;
    if (byRoute === undefined) this.#byMethod.set(method, (byRoute = new Map<string, AttemptTimeout>()));
    byRoute.set(route, (timeout = new AttemptTimeout()));
    this.#size++;
    return timeout;
  }
}

/**
 * The attempt timeout of one route class: if an attempt takes longer, a second attempt joins this attempt. Only
 * latencies of responses count, so hung endpoints do not raise the timeout. A short timeout detects hung endpoints of a
 * fast route early. A long timeout avoids needless attempts on a slow route.
 *
 * @see [C2.1](../../docs/guarantees.md#c2-1)
 */
export class AttemptTimeout {
  readonly #latencies = new LatencyHistogram();
  /** 3 × the 99th percentile + 10, in ms; undefined while fewer than 10 latencies are recorded. */
  #computedMs: number | undefined;
  #samples = 0;
  #samplesSinceUpdate = 0;
  /** Median latency, in ms, ≥ 4; undefined while fewer than 10 latencies are recorded. */
  medianMs: number | undefined = undefined;

  /**
   * Returns the attempt timeout at `now`, in ms: 250 without enough recent latencies, otherwise the computed timeout.
   * The result is limited to `minMs` … `maxMs`. If `maxMs` is undefined, the upper limit is 1,000 while fewer than 20
   * latencies are recorded. With 20 or more latencies, the upper limit is half of `callMs`, but at least 1,000.
   *
   * @param callMs - time from the start of the call to its deadline, in ms
   */
  timeoutMs(now: number, { minMs, maxMs }: AttemptTimeoutBounds, callMs: number): number {
    let ms = this.#computedMs;
    if (ms === undefined || this.#latencies.isExpired(now)) ms = initialTimeoutMs;
    if (maxMs !== undefined) ms = Math.min(ms, maxMs);
    else if (ms > maxTimeoutMs)
      ms =
        this.#samples < samplesForLongTimeout
          ? maxTimeoutMs
          : Math.min(ms, Math.max(maxTimeoutMs, callMs / 2));
    return ms < minMs ? minMs : ms;
  }

  /** Whether enough latencies are recorded, and recent enough, to compute the attempt timeout from them. */
  isLearned(now: number): boolean {
    return this.#computedMs !== undefined && !this.#latencies.isExpired(now);
  }

  /** Records the latency of a response: the time from the end of the request to the response headers, in ms. */
  record(latencyMs: number, now: number): void {
    this.#samples++;
    if (this.#latencies.add(latencyMs, now)) this.#samplesSinceUpdate = samplesPerUpdate;
    const computedMs = this.#computedMs;
    // If all latencies since the last update were below `fastMs`, an update would not change the timeout.
    if (
      latencyMs < fastMs &&
      computedMs !== undefined &&
      computedMs <= fastTimeoutMs &&
      this.#samplesSinceUpdate === 0
    )
      return;
    if (++this.#samplesSinceUpdate >= samplesPerUpdate || computedMs === undefined || latencyMs >= computedMs)
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
    this.#computedMs = p99Ms === undefined ? undefined : 3 * p99Ms + 10;
    this.medianMs = this.#latencies.edgeMs(0.5);
  }
}
