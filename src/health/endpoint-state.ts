import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { LoadReport } from '../core/load-report.js';
import type { Channel } from '../core/transport.js';

/**
 * Mean lifetime of the latency average, in ms. An endpoint whose last response took ten times as long as usual is tried
 * again after 3 s. With Finagle's lifetime of 10 s the endpoint would stay idle for 15 s.
 *
 * @see [decision 012](../../docs/decisions/012-latency-decay.md)
 */
const latencyDecayMs = 1_500;
/** Mean lifetime of the failure penalty, in ms. */
const penaltyDecayMs = 2_000;
/**
 * Lower bound of the latency that the load is computed from, in ms. Differences between smaller latencies are noise,
 * and the number of calls in flight matters more.
 */
const minLatencyMs = 2;
/**
 * How long a load report counts, in ms. An endpoint that receives calls, or renews its lease, reports again within
 * seconds. When the last report of an endpoint is older, the load of the endpoint is computed from measurements alone.
 */
const loadReportLifetimeMs = 10_000;
/** Length of a time slot, in ms. The utilization penalty of an endpoint is constant within a slot. */
const penaltySlotMs = 64;
/** 2^32 divided by the golden ratio. */
const goldenRatioStep = 0x9e3779b9;
/**
 * Load of an endpoint that has a call in flight and no measured latency. This load exceeds every measured load, so that
 * the endpoint gets no second call before its first response.
 */
const unmeasuredLoad = 2 ** 30;

/** Number of stored units per unit of penalty. Penalties are stored as integers, in thousandths. */
const penaltyScale = 1_000;

/** Highest utilization that raises the penalty. A utilization of 1.25 or more gives a factor of 16. */
const maxUtilization = 1.25;

const rateSlotMs = 5_000;
const rateSlots = 6;

/**
 * Factor by which a reported utilization `u` raises an endpoint's load: 1 + 4 u⁶, with `u` capped at 1.25. The factor
 * is below 1.5 while `u` ≤ 0.7. The factor is 2.0 for `u` = 0.8, 3.1 for 0.9, 5 for 1 and 16 for 1.25.
 *
 * The policy `load-aware` ignores the factor while `u` ≤ 0.7: calls need not move away from an endpoint with spare
 * capacity. Near `u` = 1 the queueing delay grows steeply, and so does the factor. The factor is bounded, so that an
 * overloaded endpoint still gets a few calls, which show when the endpoint has capacity again. The factor is never
 * below 1, so that an endpoint cannot attract calls by reporting a low utilization.
 *
 * @see [M/M/1 queue](https://en.wikipedia.org/wiki/M/M/1_queue): time in system is proportional to 1 / (1 − u)
 * @see [decision 051](../../docs/decisions/051-load-factor-in-slots.md)
 */
export function utilizationPenalty(utilization: number): number {
  const u = Math.min(utilization, maxUtilization);
  const cube = u * u * u;
  return 1 + 4 * cube * cube;
}

/**
 * Health and load of one endpoint, as observed by this clerk. Plain data, written by the {@link EndpointTable} only.
 * All instants are on the monotonic clock.
 */
export class EndpointState implements ConnectedCandidate {
  // The fields that `load` reads come first and are integers. With thousands of members a pick reads uncached memory,
  // and each fractional number would be a separate heap object.
  pending = 0;
  /** Smoothed latency in µs; 0 before the first response. */
  #latencyUs = 0;
  /** When `#latencyUs` was last written, in whole ms. */
  #observedAt = 0;
  /** Failure penalty at the instant `#penaltyAt`, in thousandths. */
  #penalty = 0;
  #penaltyAt = 0;
  /** Highest value that the load report adds to the utilization factor of 1, in thousandths. */
  #utilizationPenalty = 0;
  #utilizationPenaltyUntil = 0;
  #penaltySlotOffset = 0;
  /** Replaced when a lookup changes fields of the instance other than its id, epoch and addresses. */
  endpoint: Endpoint;
  readonly channel: Channel;
  readonly tlsChannel: Channel | undefined;
  status: 'open' | 'closed' = 'open';
  /** When the endpoint last responded to a call or a probe; 0 before that. */
  lastHeardAt = 0;
  consecutiveFailures = 0;
  /** Number of dials in a row that were refused or timed out. */
  consecutiveDialFailures = 0;
  /** When the endpoint may be dialed again. Valid while `consecutiveDialFailures` > 0. */
  nextDialAt = 0;
  /**
   * When the dial in progress started; 0 when no dial is in progress. While `consecutiveDialFailures` > 0 only one dial
   * runs at a time.
   */
  dialStartedAt = 0;
  /**
   * When the endpoint was ejected or first failed with hard evidence, whichever came first; 0 while the endpoint is
   * healthy.
   */
  unhealthySince = 0;
  /** Number of recent ejections. Each full minute between two ejections subtracts one. */
  recentEjections = 0;
  lastEjectedAt = 0;
  /** Reason of the last ejection, as in the event `ejected`. */
  ejectionReason = '';
  /** Whether failure responses caused the ejection. False when the endpoint was ejected as unreachable. */
  ejectedForStatus = false;
  /** Time of the newest hard evidence against the endpoint. A later response outweighs that evidence. */
  lastHardFailureAt = 0;
  /** When a call or a probe last found the endpoint unreachable. */
  lastUnreachableAt = 0;
  /** When the connections of the endpoint were last reset. */
  lastReconnectAt = 0;
  /** Number of calls of the service at the time of the last probe. */
  callsAtLastProbe = 0;
  /** Whether the registry still lists the endpoint. */
  isListed = true;
  loadReport: LoadReport | undefined = undefined;
  slowStart: SlowStart | undefined = undefined;

  readonly #successes = new Float64Array(rateSlots);
  readonly #failures = new Float64Array(rateSlots);
  #currentSlot = -1;

  constructor(endpoint: Endpoint, { channel, tlsChannel }: EndpointChannels) {
    this.endpoint = endpoint;
    this.channel = channel;
    this.tlsChannel = tlsChannel;
  }

  /**
   * Peak-EWMA load: smoothed latency, times calls in flight plus one, times the failure penalty, times the {@link
   * utilizationPenalty}. The load decays while no call is sent, so that a slow endpoint is tried again.
   *
   * @see [Finagle `PeakEwma`](https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala)
   * @see [Eckner, "Algorithms for Unevenly Spaced Time Series"](http://www.eckner.com/papers/Algorithms%20for%20Unevenly%20Spaced%20Time%20Series.pdf)
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

  /** Smoothed latency at the time of the last response, in ms; 0 before the first response. */
  get latencyMs(): number {
    return this.#latencyUs / 1_000;
  }

  /**
   * Records a latency. A latency above the average replaces the average. A lower latency is blended in over
   * `latencyDecayMs`.
   */
  observe(latencyMs: number, now: number): void {
    const decayedMs = this.#decayedLatencyMs(now);
    const previousWeight = latencyMs >= decayedMs ? 0 : Math.exp((this.#observedAt - now) / latencyDecayMs);
    this.#setLatency(latencyMs * (1 - previousWeight) + this.latencyMs * previousWeight, now);
  }

  /**
   * Raises a lower average latency to `latencyMs`, since an attempt took at least this long. Does nothing before the
   * first response.
   */
  observeAtLeast(latencyMs: number, now: number): void {
    if (this.#latencyUs !== 0 && latencyMs > this.#decayedLatencyMs(now)) this.#setLatency(latencyMs, now);
  }

  #decayedLatencyMs(now: number): number {
    const idleMs = now - this.#observedAt;
    // For an idle time below a thousandth of the lifetime the decay is below 0.1 % and is left out.
    return idleMs < latencyDecayMs / 1_000
      ? this.#latencyUs / 1_000
      : (this.#latencyUs / 1_000) * Math.exp(-idleMs / latencyDecayMs);
  }

  #setLatency(latencyMs: number, now: number): void {
    this.#latencyUs = Math.max(1, Math.round(latencyMs * 1_000));
    this.#observedAt = Math.floor(now);
  }

  /**
   * Adds a failure to the penalty: 20 times the latency, decaying over 2 s. Without a penalty, an endpoint that fails
   * fast would look fast.
   *
   * @see [decision 011](../../docs/decisions/011-failure-penalty.md)
   */
  penalize(now: number): void {
    this.#penalty =
      Math.round(this.#penalty * Math.exp((this.#penaltyAt - now) / penaltyDecayMs)) + 20 * penaltyScale;
    this.#penaltyAt = Math.floor(now);
  }

  /**
   * Applies a load report of the endpoint. A report received before the last applied report is ignored.
   *
   * @param random - uniform in [0, 1); gives this clerk a slot offset that differs from the slot offsets of other
   * clerks
   */
  applyLoadReport(report: LoadReport, random: number): void {
    if (this.loadReport === undefined) this.#penaltySlotOffset = Math.floor(random * 2 ** 32) | 0;
    else if (report.receivedAt < this.loadReport.receivedAt) return;
    this.loadReport = report;
    this.#utilizationPenalty = Math.round(penaltyScale * (utilizationPenalty(report.utilization) - 1));
    this.#utilizationPenaltyUntil = Math.floor(report.receivedAt + loadReportLifetimeMs);
  }

  /**
   * The utilization factor in the current 64 ms slot. Over the slots, factors are spread evenly between 1 and {@link
   * utilizationPenalty}. All clerks receive the same report. With a constant factor all clerks would avoid the
   * endpoint, and return to it, at the same time. With different slot offsets, the share of clerks that avoid the
   * endpoint grows with its utilization.
   *
   * @see [golden-ratio sequence](https://en.wikipedia.org/wiki/Low-discrepancy_sequence#Additive_recurrence): any run of consecutive slots is evenly spread
   */
  #utilizationPenaltyAt(now: number): number {
    const fraction =
      (Math.imul(Math.floor(now / penaltySlotMs), goldenRatioStep) + this.#penaltySlotOffset) >>> 0;
    return 1 + (this.#utilizationPenalty / penaltyScale) * (fraction / 2 ** 32);
  }

  /** The channels of the endpoint, without duplicates. */
  get channels(): readonly Channel[] {
    return this.tlsChannel === undefined || this.tlsChannel === this.channel
      ? [this.channel]
      : [this.channel, this.tlsChannel];
  }

  /** Counts one attempt as a success or a failure in the window of 30 s. */
  count(isSuccess: boolean, now: number): void {
    const counts = isSuccess ? this.#successes : this.#failures;
    const tick = this.#advanceTo(now);
    counts[tick % rateSlots] = (counts[tick % rateSlots] as number) + 1;
  }

  #advanceTo(now: number): number {
    const tick = Math.floor(now / rateSlotMs);
    if (tick > this.#currentSlot) {
      for (let i = Math.max(this.#currentSlot + 1, tick - rateSlots + 1); i <= tick; i++)
        this.#successes[i % rateSlots] = this.#failures[i % rateSlots] = 0;
      this.#currentSlot = tick;
    }
    return tick;
  }

  /**
   * Number of attempts counted in the last 25 to 30 s, and their success rate, 0 … 1. The success rate of 0 attempts is
   * 1.
   */
  rate(now: number): { readonly total: number; readonly successRate: number } {
    this.#advanceTo(now);
    let successes = 0;
    let failures = 0;
    for (let i = 0; i < rateSlots; i++) {
      successes += this.#successes[i] as number;
      failures += this.#failures[i] as number;
    }
    const total = successes + failures;
    return { total, successRate: total === 0 ? 1 : successes / total };
  }

  /**
   * Marks the endpoint healthy: clears failures and the load report, and replaces the average latency.
   *
   * @param latencyMs - the new average latency, or 0 after a probe. After 0, the endpoint gets one call at a time until
   * the endpoint responds to a call. An endpoint that is fast for probes and slow for calls thus costs one call per
   * probe.
   */
  recover(latencyMs: number, now: number): void {
    this.consecutiveFailures = 0;
    this.consecutiveDialFailures = 0;
    this.nextDialAt = 0;
    this.dialStartedAt = 0;
    this.unhealthySince = 0;
    this.ejectedForStatus = false;
    this.lastHeardAt = now;
    this.#penalty = 0;
    this.loadReport = undefined;
    this.#utilizationPenaltyUntil = 0;
    this.#successes.fill(0);
    this.#failures.fill(0);
    this.#latencyUs = Math.round(latencyMs * 1_000);
    this.#observedAt = Math.floor(now);
  }
}
