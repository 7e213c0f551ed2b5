import type { LoadReport } from '../core/load-report.js';

/**
 * Time constant of the exponential decay of the smoothed latency. An endpoint whose last response took ten times as
 * long as usual gets calls again after about 3 s. @see [decision 012](../../docs/decisions/012-latency-decay.md)
 */
const latencyDecayMs = 1_500;
const penaltyDecayMs = 2_000;
/** A lower latency counts as this latency, because differences between such low latencies are noise. */
const minLatencyMs = 2;
const loadReportLifetimeMs = 10_000;
const penaltySlotMs = 64;
/** Step of a 32-bit counter from slot to slot: 2^32 / golden ratio, which spreads consecutive values evenly. */
const goldenRatioStep = 0x9e3779b9;
/**
 * Load of an endpoint with a call in flight and an unknown latency. Exceeds every measured load, so that the endpoint
 * gets no second call before its first response.
 */
const unmeasuredLoad = 2 ** 30;
const penaltyScale = 1_000;
const maxUtilization = 1.25;

/**
 * Returns the factor by which a reported utilization `u` raises the load of an endpoint: 1 + 4 u⁶, with `u` capped at
 * 1.25. The factor is 1.5 at `u` = 0.7, 2.0 at 0.8, 3.1 at 0.9, 5 at 1 and 16 at 1.25. The factor is bounded, so that
 * an overloaded endpoint still gets a few calls, which show when the endpoint recovers.
 * @see [M/M/1 queue](https://en.wikipedia.org/wiki/M/M/1_queue): time in system is proportional to 1 / (1 − u)
 * @see [decision 051](../../docs/decisions/051-load-factor-in-slots.md)
 */
export function utilizationPenalty(utilization: number): number {
  const u = Math.min(utilization, maxUtilization);
  const cube = u * u * u;
  return 1 + 4 * cube * cube;
}

export class PeakEwmaLoad {
  // `load` reads the following fields for thousands of endpoints. The fields hold integers, because V8 allocates each
  // fractional number on the heap.
  pending = 0;
  held = 0;
  /** Smoothed latency in µs; 0 while unknown. */
  #latencyUs = 0;
  #observedAt = 0;
  /** Failure penalty at the time `#penaltyAt`, in thousandths. Decays after this time. */
  #penalty = 0;
  #penaltyAt = 0;
  /** The `utilizationPenalty` of the last load report, minus 1, in thousandths. */
  #utilizationPenalty = 0;
  #utilizationPenaltyUntil = 0;
  #penaltySlotOffset = 0;
  loadReport: LoadReport | undefined = undefined;

  /**
   * The peak-EWMA load: `latency × (calls in flight + 1) × failure factor × utilization factor`. The latency decays
   * while no response arrives, so that a slow endpoint gets calls again.
   * @see [Finagle
   * `PeakEwma`](https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala)
   * @see [Eckner, "Algorithms for Unevenly Spaced Time
   * Series"](http://www.eckner.com/papers/Algorithms%20for%20Unevenly%20Spaced%20Time%20Series.pdf)
   */
  load(now: number): number {
    let penalty =
      this.#penalty === 0
        ? 1
        : 1 + (this.#penalty / penaltyScale) * Math.exp((this.#penaltyAt - now) / penaltyDecayMs);
    if (now < this.#utilizationPenaltyUntil) penalty *= this.#utilizationPenaltyAt(now);
    if (this.#latencyUs === 0)
      return this.pending === 0 ? penalty - 1 : unmeasuredLoad + this.pending * penalty;
    const latencyMs = this.#decayedLatencyMs(now);
    return (latencyMs > minLatencyMs ? latencyMs : minLatencyMs) * (this.pending + 1) * penalty;
  }

  get latencyMs(): number {
    return this.#latencyUs / 1_000;
  }

  /**
   * A higher latency replaces the smoothed latency. A lower latency is blended in, with a weight that grows with the
   * time since the previous measurement.
   */
  observe(latencyMs: number, now: number): void {
    const decayedMs = this.#decayedLatencyMs(now);
    const previousWeight = latencyMs >= decayedMs ? 0 : Math.exp((this.#observedAt - now) / latencyDecayMs);
    this.#setLatency(latencyMs * (1 - previousWeight) + this.latencyMs * previousWeight, now);
  }

  /** @param latencyMs - lower bound of a latency whose exact value is unknown */
  observeAtLeast(latencyMs: number, now: number): void {
    if (latencyMs > this.#decayedLatencyMs(now)) this.#setLatency(latencyMs, now);
  }

  /**
   * Adds 20 to the failure penalty after a failed attempt. The load is multiplied by `1 + penalty`. Without the
   * penalty, an endpoint that fails fast would look fast. @see [decision
   * 011](../../docs/decisions/011-failure-penalty.md)
   */
  penalize(now: number): void {
    this.#penalty =
      Math.round(this.#penalty * Math.exp((this.#penaltyAt - now) / penaltyDecayMs)) + 20 * penaltyScale;
    this.#penaltyAt = Math.floor(now);
  }

  /**
   * Applies a load report. Has no effect if a newer report was applied before.
   * @param random - uniform random number in [0, 1); clerks with different numbers use different factors at the same
   * time
   */
  applyLoadReport(report: LoadReport, random: number): void {
    if (this.loadReport === undefined) this.#penaltySlotOffset = Math.floor(random * 2 ** 32) | 0;
    else if (report.receivedAt < this.loadReport.receivedAt) return;
    this.loadReport = report;
    this.#utilizationPenalty = Math.round(penaltyScale * (utilizationPenalty(report.utilization) - 1));
    this.#utilizationPenaltyUntil = Math.floor(report.receivedAt + loadReportLifetimeMs);
  }

  resetLoad(latencyMs: number, now: number): void {
    this.#penalty = 0;
    this.loadReport = undefined;
    this.#utilizationPenaltyUntil = 0;
    this.#latencyUs = Math.round(latencyMs * 1_000);
    this.#observedAt = Math.floor(now);
  }

  #decayedLatencyMs(now: number): number {
    const idleMs = now - this.#observedAt;
    // After such a short time, the latency has decayed by less than 0.1 %, so the exponential function is not
    // computed.
    return idleMs < latencyDecayMs / 1_000
      ? this.#latencyUs / 1_000
      : (this.#latencyUs / 1_000) * Math.exp(-idleMs / latencyDecayMs);
  }

  #setLatency(latencyMs: number, now: number): void {
    this.#latencyUs = Math.max(1, Math.round(latencyMs * 1_000));
    this.#observedAt = Math.floor(now);
  }

  /**
   * Returns the factor of the load report in the current slot. Over time, the factors spread evenly between 1 and
   * {@link utilizationPenalty}. Each clerk has its own slot offset, so that not all clerks avoid the endpoint at the
   * same time.
   * @see [golden-ratio sequence](https://en.wikipedia.org/wiki/Low-discrepancy_sequence#Additive_recurrence)
   */
  #utilizationPenaltyAt(now: number): number {
    const fraction =
      (Math.imul(Math.floor(now / penaltySlotMs), goldenRatioStep) + this.#penaltySlotOffset) >>> 0;
    return 1 + (this.#utilizationPenalty / penaltyScale) * (fraction / 2 ** 32);
  }
}
