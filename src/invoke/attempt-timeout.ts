import { LatencyHistogram } from './latency-histogram.js';
import type { AttemptTimeoutBounds } from './retry-settings.js';

const initialTimeoutMs = 250;
/** Maximum timeout of a route class with fewer than 20 recorded latencies, in ms. */
export const maxTimeoutMs = 1_000;
const samplesForLongTimeout = 20;
/** The computed timeout of a route class is at most 25 ms if 99 % of its latencies are below this value, in ms. */
const fastMs = 4;
const fastTimeoutMs = 25;
const samplesPerUpdate = 32;
const maxClasses = 256;

/**
 * Each of the first 256 pairs of HTTP method and route class has its own timeout. All further pairs share one
 * timeout.
 */
export class AttemptTimeouts {
  readonly #byMethod = new Map<string, Map<string, AttemptTimeout>>();
  readonly #shared = new AttemptTimeout();
  #size = 0;
  // Cached, because many applications call the same route many times in a row.
  #lastMethod = '';
  #lastRoute = '';
  #lastTimeout: AttemptTimeout | undefined;

  forRoute(method: string, route: string): AttemptTimeout {
    if (this.#lastTimeout !== undefined && route === this.#lastRoute && method === this.#lastMethod)
      return this.#lastTimeout;
    const timeout = this.#find(method, route);
    this.#lastMethod = method;
    this.#lastRoute = route;
    this.#lastTimeout = timeout;
    return timeout;
  }

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
 * The attempt timeout of one route class. After this time, a call starts a second attempt, and the late first attempt
 * continues. Only the latencies of responses count, so hung endpoints do not raise the timeout. @see
 * [C2.1](../../docs/guarantees.md#c2-1)
 */
export class AttemptTimeout {
  readonly #latencies = new LatencyHistogram();
  /** 3 × the 99th percentile of the latencies + 10, in ms; undefined with fewer than 10 latencies. */
  #computedMs: number | undefined;
  #samples = 0;
  #samplesSinceUpdate = 0;
  /** Median latency in ms, at least 4; undefined with fewer than 10 latencies. */
  medianMs: number | undefined = undefined;

  /**
   * Returns the attempt timeout at `now`, in ms, from `minMs` to `maxMs`. The timeout is 250 with fewer than 10
   * latencies, or without a latency in the last 30 s. If `maxMs` is undefined, the maximum is 1,000 with fewer than 20
   * latencies. With 20 or more latencies, the maximum is `callMs` / 2, but at least 1,000.
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

  isLearned(now: number): boolean {
    return this.#computedMs !== undefined && !this.#latencies.isExpired(now);
  }

  /** @param latencyMs - time from the end of the request to the response headers */
  record(latencyMs: number, now: number): void {
    this.#samples++;
    if (this.#latencies.add(latencyMs, now)) this.#samplesSinceUpdate = samplesPerUpdate;
    const computedMs = this.#computedMs;
    // Further latencies below `fastMs` would not change a timeout of at most `fastTimeoutMs`.
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

  /** Returns the latency at a quantile, in ms, at least 4; undefined with fewer than 10 latencies. */
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
