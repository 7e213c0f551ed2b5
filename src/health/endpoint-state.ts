import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { LoadReport } from '../core/load-report.js';
import type { Channel } from '../core/transport.js';

/**
 * Time constant, in ms, of the exponential decay of the smoothed latency. With this value, an endpoint whose last
 * response took ten times as long as usual gets calls again after 3 s. With the 10 s of Finagle, that endpoint would
 * get no calls for 15 s.
 *
 * @see [decision 012](../../docs/decisions/012-latency-decay.md)
 */
const latencyDecayMs = 1_500;
/** Time constant, in ms, of the exponential decay of the failure penalty. */
const penaltyDecayMs = 2_000;
/**
 * Smallest latency that `load` uses, in ms; a lower measured latency counts as this value. Differences between
 * latencies below this value are noise. The number of calls in flight then decides instead.
 */
const minLatencyMs = 2;
/**
 * How long `load` uses a load report, in ms from its receipt. After this time, `load` uses only the measurements of
 * this clerk. An endpoint that receives calls, or renews its lease, sends the next report within seconds.
 */
const loadReportLifetimeMs = 10_000;
/**
 * Length of a time slot, in ms. The factor by which a load report raises an endpoint's load is constant within a slot
 * and changes from slot to slot.
 */
const penaltySlotMs = 64;
/**
 * Step of a 32-bit counter from one time slot to the next: 2^32 divided by the golden ratio. With this step, the
 * counter values of consecutive slots are spread evenly over 2^32.
 */
const goldenRatioStep = 0x9e3779b9;
/**
 * Base of the load of an endpoint that has a call in flight but no measured latency. Exceeds every measured load, so
 * that the endpoint gets no second call before its first response.
 */
const unmeasuredLoad = 2 ** 30;

/** Stored value of a penalty of 1. Penalties are stored as integers, in thousandths. */
const penaltyScale = 1_000;

/** Utilization from which {@link utilizationPenalty} grows no further. The factor is then 16. */
const maxUtilization = 1.25;

const rateSlotMs = 5_000;
const rateSlots = 6;

/**
 * Factor by which a reported utilization `u` raises an endpoint's load: 1 + 4 u⁶, with `u` capped at 1.25. The factor
 * is below 1.5 while `u` ≤ 0.7. The factor is 2.0 for `u` = 0.8, 3.1 for 0.9, 5 for 1 and 16 for 1.25.
 *
 * Between endpoints with equal calls in flight, the policy `load-aware` ignores load ratios below 1.5. So while `u` ≤
 * 0.7, the factor alone does not move calls away: the endpoint has spare capacity. Near `u` = 1 the queueing delay
 * grows steeply, so the factor grows steeply too. The factor is bounded, so that an overloaded endpoint still gets a
 * few calls. The responses to these calls show when the endpoint has capacity again. The factor is never below 1, so
 * that an endpoint cannot attract calls by reporting a low utilization.
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
 * Health and load of one endpoint, as observed by this clerk. Only the {@link EndpointTable} and its prober write the
 * fields. All instants are in ms on the monotonic clock.
 */
export class EndpointState implements ConnectedCandidate {
  // The fields that `load` reads are declared first and hold integers, so that `load` reads little memory. With
  // thousands of endpoints this memory is rarely cached, and each fractional number would be a separate heap object.
  pending = 0;
  /**
   * Smoothed latency in µs; 0 while unknown: before the first response, and after a recovery without a measured
   * latency.
   */
  #latencyUs = 0;
  /** When `#latencyUs` was last written, in whole ms. */
  #observedAt = 0;
  /** Failure penalty at the instant `#penaltyAt`, in thousandths. From that instant on, the penalty decays. */
  #penalty = 0;
  #penaltyAt = 0;
  /**
   * Most that the load report can add to a load factor of 1, in thousandths. The added part changes from time slot to
   * time slot.
   */
  #utilizationPenalty = 0;
  #utilizationPenaltyUntil = 0;
  #penaltySlotOffset = 0;
  /**
   * The endpoint as in the newest resolution of the service. When the id, the epoch or the addresses change, the {@link
   * EndpointTable} creates a new state instead.
   */
  endpoint: Endpoint;
  readonly channel: Channel;
  readonly tlsChannel: Channel | undefined;
  status: 'open' | 'closed' = 'open';
  /** When the endpoint last responded to a call or a probe; 0 before the first response. */
  lastHeardAt = 0;
  consecutiveFailures = 0;
  /** Number of consecutive attempts to connect (dials) that were refused or timed out. */
  consecutiveDialFailures = 0;
  /** Earliest time of the next dial. Meaningful only while `consecutiveDialFailures` > 0. */
  nextDialAt = 0;
  /**
   * When the dial in progress started; 0 when no dial is in progress. Recorded only while `consecutiveDialFailures` >
   * 0, because only then must dials run one at a time.
   */
  dialStartedAt = 0;
  /**
   * When the current outage began: at the ejection or at the first hard failure, whichever came first. A hard failure
   * is a refused, reset or unanswered attempt. 0 while the endpoint is healthy.
   */
  unhealthySince = 0;
  /**
   * Number of recent ejections. Each ejection adds one. Each full minute between two ejections subtracts one, but never
   * below 0.
   */
  recentEjections = 0;
  lastEjectedAt = 0;
  /** Reason of the last ejection, as in the event `ejected`. */
  ejectionReason = '';
  /**
   * Whether the endpoint is ejected because its responses reported failures. False when the endpoint is ejected because
   * of refused, reset or unanswered attempts.
   */
  ejectedForStatus = false;
  /**
   * When an attempt was last refused, reset or unanswered; for an unanswered attempt, the start of the attempt. A
   * response received after this time outweighs the failure.
   */
  lastHardFailureAt = 0;
  /** When a call or a probe last found the endpoint unreachable. */
  lastUnreachableAt = 0;
  /** When the connections to the endpoint were last reset after an unanswered attempt. */
  lastReconnectAt = 0;
  /**
   * How many calls of the service had started when the last probe was sent. If the number is still the same when the
   * next probe is due, that probe waits for a call.
   */
  callsAtLastProbe = 0;
  /** Whether the table still contains this state. False once the endpoint was removed or replaced. */
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
   * Returns the peak-EWMA load: `latency × (calls in flight + 1) × failure factor × utilization factor`. The latency
   * decays while no response arrives, so that a slow endpoint gets calls again. The utilization factor lies between 1
   * and {@link utilizationPenalty}.
   *
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

  /** Smoothed latency as of the last measurement, without the decay since then, in ms; 0 while no latency is known. */
  get latencyMs(): number {
    return this.#latencyUs / 1_000;
  }

  /**
   * Updates the smoothed latency with a measured latency. If the measured latency is higher than the decayed smoothed
   * latency, the smoothed latency is replaced. A lower measured latency is blended in. Its weight grows with the time
   * since the previous measurement.
   */
  observe(latencyMs: number, now: number): void {
    const decayedMs = this.#decayedLatencyMs(now);
    const previousWeight = latencyMs >= decayedMs ? 0 : Math.exp((this.#observedAt - now) / latencyDecayMs);
    this.#setLatency(latencyMs * (1 - previousWeight) + this.latencyMs * previousWeight, now);
  }

  /**
   * Raises the smoothed latency to `latencyMs` if the smoothed latency is lower. Used when an attempt took at least
   * `latencyMs` but its exact latency is unknown. Does nothing while no latency is known.
   */
  observeAtLeast(latencyMs: number, now: number): void {
    if (this.#latencyUs !== 0 && latencyMs > this.#decayedLatencyMs(now)) this.#setLatency(latencyMs, now);
  }

  #decayedLatencyMs(now: number): number {
    const idleMs = now - this.#observedAt;
    // During the first thousandth of `latencyDecayMs` the latency decays by less than 0.1 %, so no decay is computed.
    return idleMs < latencyDecayMs / 1_000
      ? this.#latencyUs / 1_000
      : (this.#latencyUs / 1_000) * Math.exp(-idleMs / latencyDecayMs);
  }

  #setLatency(latencyMs: number, now: number): void {
    this.#latencyUs = Math.max(1, Math.round(latencyMs * 1_000));
    this.#observedAt = Math.floor(now);
  }

  /**
   * Adds 20 to the failure penalty, after a failed attempt. The load is multiplied by `1 + penalty`, and the penalty
   * decays with a time constant of 2 s. Without the penalty, an endpoint that fails fast would look fast and attract
   * calls.
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
   * @param random - random number, uniform in [0, 1). At the first report, determines where this clerk starts in the
   * sequence of load factors, so that clerks have different factors at the same time
   */
  applyLoadReport(report: LoadReport, random: number): void {
    if (this.loadReport === undefined) this.#penaltySlotOffset = Math.floor(random * 2 ** 32) | 0;
    else if (report.receivedAt < this.loadReport.receivedAt) return;
    this.loadReport = report;
    this.#utilizationPenalty = Math.round(penaltyScale * (utilizationPenalty(report.utilization) - 1));
    this.#utilizationPenaltyUntil = Math.floor(report.receivedAt + loadReportLifetimeMs);
  }

  /**
   * Returns the factor by which the load report raises the load in the current time slot of 64 ms. From slot to slot
   * the factor changes; the factors of all slots are spread evenly between 1 and {@link utilizationPenalty}.
   *
   * All clerks receive the same load report. With a constant factor, all clerks would leave the endpoint together and
   * come back together. Since each clerk has its own slot offset, only some clerks have a high factor and avoid the
   * endpoint at any time. The share of these clerks grows with the utilization.
   *
   * @see [golden-ratio sequence](https://en.wikipedia.org/wiki/Low-discrepancy_sequence#Additive_recurrence): any run
   * of consecutive slots is evenly spread
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

  /** Counts one attempt as a success or a failure, for the success rate that `rate` returns. */
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
   * Returns the number of attempts in the last 25 to 30 s, and the success rate of these attempts, 0 … 1. Attempts are
   * counted and forgotten in slots of 5 s. The success rate of 0 attempts is 1.
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
   * Marks the endpoint healthy: clears failures and the load report, and replaces the smoothed latency.
   *
   * @param latencyMs - the new smoothed latency; 0 when unknown, as after a probe. With 0, the endpoint gets one call
   * at a time until a response gives a latency. So an endpoint that answers probes fast but calls slowly delays only
   * one call per probe.
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
