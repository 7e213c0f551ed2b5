/** One endpoint's health and load as this clerk knows them: plain data, written by the endpoint table only. */
import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { LoadReport } from '../core/load-report.js';
import type { Channel } from '../core/transport.js';
import { utilizationPenalty } from './strain.js';

/**
 * Mean lifetime of the latency average, in ms. Finagle's 10 s keep an endpoint idle for a quarter of a minute after one
 * answer that was ten times as late as usual; with this it is tried again after three seconds, and one that stays a
 * hundred times slower than the rest gets a call in seven.
 */
const latencyDecayMs = 1_500;
/** Mean lifetime of what failures add to the load, in ms. */
const penaltyDecayMs = 2_000;
/** Latencies below this count as this much, in ms: fractions of it are noise, and calls in flight tell more. */
const minLatencyMs = 2;
/**
 * For how long a report weighs, in ms. An endpoint that is called, or renews its lease, reports again within seconds; one
 * that does not is judged by what is seen of it, and tried again.
 */
const loadReportLifetimeMs = 10_000;
/** How long a report goes on weighing the same, in ms. */
const penaltySlotMs = 64;
/** 2^32 over the golden ratio. */
const goldenRatioStep = 0x9e3779b9;
/** Load of a newcomer with a call in flight: above every known load, so it gets one call until it has answered. */
const unmeasuredLoad = 2 ** 30;

/** Parts of one in which the weights of failures and reports are counted. */
const penaltyScale = 1_000;

const rateSlotMs = 5_000;
const rateSlots = 6;

/** A member of an {@link EndpointTable}. */
export class EndpointState implements ConnectedCandidate {
  // What `load` reads comes first and is whole numbers: with thousands of members each choice touches cold memory, and
  // a fraction would lie in a place of its own.
  pending = 0;
  /** Smoothed latency in µs; 0 while nothing is known. */
  #latencyUs = 0;
  /** When that was last written, in whole ms. */
  #observedAt = 0;
  /** What failures weigh, in thousandths. */
  #penalty = 0;
  #penaltyAt = 0;
  /** What the last report adds at most, in thousandths, and until when. */
  #utilizationPenalty = 0;
  #utilizationPenaltyUntil = 0;
  #penaltySlotOffset = 0;
  /** See {@link ConnectedCandidate.endpoint}; replaced when the registry changes labels of the same instance. */
  endpoint: Endpoint;
  readonly channel: Channel;
  readonly tlsChannel: Channel | undefined;
  status: 'open' | 'closed' = 'open';
  /** When anything was last heard of it, or it was known to live otherwise. */
  lastHeardAt = 0;
  /** Failures in a row. */
  consecutiveFailures = 0;
  /** Refused or unanswered dials in a row. */
  consecutiveDialFailures = 0;
  /** No dial before this while `refusals` > 0. */
  nextDialAt = 0;
  /** When the one attempt began that is out to an endpoint that refuses or lets nobody in; 0 while none is. */
  dialStartedAt = 0;
  /** When it was set aside, or began to refuse; 0 while it is well. */
  unhealthySince = 0;
  /** How often it was set aside lately; falls by one a minute. */
  recentEjections = 0;
  lastEjectedAt = 0;
  /** Why it was set aside, in the word of the event. */
  ejectionReason = '';
  /** It was set aside for what it answers, not for being unreachable. */
  ejectedForStatus = false;
  /** How late the newest hard evidence is: what was heard later is newer. */
  lastHardFailureAt = 0;
  /** When a call or a probe last found it unreachable. */
  lastUnreachableAt = 0;
  /** When its connections were last given up for new ones. */
  lastReconnectAt = 0;
  /** How many calls of the service there had been when it was last probed. */
  callsAtLastProbe = 0;
  /** Whether the registry still names it. */
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
   * Peak-EWMA load: smoothed latency times calls in flight plus one, times one plus what failures weigh, times what the
   * endpoint's own report weighs. Falls while nothing is sent there, so that a slow endpoint is tried again some time.
   *
   * @see {@link utilizationPenalty}; Finagle `PeakEwma`; Eckner, "Algorithms for Unevenly Spaced Time Series"
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

  /** Smoothed latency of answers, in ms, as of the last one; 0 while nothing is known. */
  get latencyMs(): number {
    return this.#latencyUs / 1_000;
  }

  /** A latency above the average replaces it at once; one below it is blended in. */
  observe(latencyMs: number, now: number): void {
    const decayedMs = this.#decayedLatencyMs(now);
    const previousWeight = latencyMs >= decayedMs ? 0 : Math.exp((this.#observedAt - now) / latencyDecayMs);
    this.#setLatency(latencyMs * (1 - previousWeight) + this.latencyMs * previousWeight, now);
  }

  /** An answer is this late at least: the average is no lower than that. */
  observeAtLeast(latencyMs: number, now: number): void {
    if (this.#latencyUs !== 0 && latencyMs > this.#decayedLatencyMs(now)) this.#setLatency(latencyMs, now);
  }

  #decayedLatencyMs(now: number): number {
    const idleMs = now - this.#observedAt;
    // Below a thousandth of the lifetime the difference is below a thousandth too.
    return idleMs < latencyDecayMs / 1_000
      ? this.#latencyUs / 1_000
      : (this.#latencyUs / 1_000) * Math.exp(-idleMs / latencyDecayMs);
  }

  #setLatency(latencyMs: number, now: number): void {
    this.#latencyUs = Math.max(1, Math.round(latencyMs * 1_000));
    this.#observedAt = Math.floor(now);
  }

  /**
   * A failure weighs as twenty times the latency and is forgotten within seconds: an endpoint that fails fast must
   * not look fast.
   */
  penalize(now: number): void {
    this.#penalty =
      Math.round(this.#penalty * Math.exp((this.#penaltyAt - now) / penaltyDecayMs)) + 20 * penaltyScale;
    this.#penaltyAt = Math.floor(now);
  }

  /**
   * What the endpoint says of its own load; nothing if it says something older than the last time.
   *
   * @param random - uniform in [0, 1): sets it apart from what other clerks make of the same word
   */
  applyLoadReport(report: LoadReport, random: number): void {
    if (this.loadReport === undefined) this.#penaltySlotOffset = Math.floor(random * 2 ** 32) | 0;
    else if (report.receivedAt < this.loadReport.receivedAt) return;
    this.loadReport = report;
    this.#utilizationPenalty = Math.round(penaltyScale * (utilizationPenalty(report.utilization) - 1));
    this.#utilizationPenaltyUntil = Math.floor(report.receivedAt + loadReportLifetimeMs);
  }

  /**
   * The factor for what it says, from 1 to all of it, another one each turn and each as often as any other. All clerks hear
   * the same, and would turn away together and come back together; as it is they do so in turn, and the more of them stay
   * away at a time, the heavier the load.
   *
   * @see golden-ratio sequence: any number of turns in a row is spread evenly
   */
  #utilizationPenaltyAt(now: number): number {
    const fraction =
      (Math.imul(Math.floor(now / penaltySlotMs), goldenRatioStep) + this.#penaltySlotOffset) >>> 0;
    return 1 + (this.#utilizationPenalty / penaltyScale) * (fraction / 2 ** 32);
  }

  /** All connections, each once. */
  get channels(): readonly Channel[] {
    return this.tlsChannel === undefined || this.tlsChannel === this.channel
      ? [this.channel]
      : [this.channel, this.tlsChannel];
  }

  /** Counts one result in the window of 30 s. */
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

  /** Results of the last 30 s: how many, and which share was good. */
  rate(now: number): { readonly total: number; readonly successes: number } {
    this.#advanceTo(now);
    let successes = 0;
    let failures = 0;
    for (let i = 0; i < rateSlots; i++) {
      successes += this.#successes[i] as number;
      failures += this.#failures[i] as number;
    }
    return {
      total: successes + failures,
      successes: successes + failures === 0 ? 1 : successes / (successes + failures),
    };
  }

  /**
   * Forgets failures, what it said of its load, and what latency was before. After a probe nothing is known (0): it gets one call at a time until
   * it has answered one, so an endpoint that greets quickly and works slowly costs one call a probe.
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
