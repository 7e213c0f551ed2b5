/** One endpoint's health and load as this clerk knows them: plain data, written by the endpoint table only. */
import type { Channels, Reachable, Warming } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { LoadReport } from '../core/load-report.js';
import type { Channel } from '../core/transport.js';
import { strainOf } from './strain.js';

/**
 * Mean lifetime of the latency average, in ms. Finagle's 10 s keep an endpoint idle for a quarter of a minute after one
 * answer that was ten times as late as usual; with this it is tried again after three seconds, and one that stays a
 * hundred times slower than the rest gets a call in seven.
 */
const decayMs = 1_500;
/** Mean lifetime of what failures add to the load, in ms. */
const penaltyDecayMs = 2_000;
/** Latencies below this count as this much, in ms: fractions of it are noise, and calls in flight tell more. */
const leastLatencyMs = 2;
/**
 * For how long a report weighs, in ms. An endpoint that is called, or renews its lease, reports again within seconds; one
 * that does not is judged by what is seen of it, and tried again.
 */
const reportMs = 10_000;
/** How long a report goes on weighing the same, in ms. */
const turnMs = 64;
/** 2^32 over the golden ratio. */
const golden = 0x9e3779b9;
/** Load of a newcomer with a call in flight: above every known load, so it gets one call until it has answered. */
const unknownLoad = 2 ** 30;

/** Parts of one in which the weights of failures and reports are counted. */
const penaltyScale = 1_000;

const slotMs = 5_000;
const slots = 6;

/** A member of an {@link EndpointTable}. */
export class Member implements Reachable {
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
  #strain = 0;
  #strainUntil = 0;
  #phase = 0;
  /** See {@link Reachable.endpoint}; replaced when the registry changes labels of the same instance. */
  endpoint: Endpoint;
  readonly channel: Channel;
  readonly secure: Channel | undefined;
  status: 'open' | 'closed' = 'open';
  /** When anything was last heard of it, or it was known to live otherwise. */
  heardAt = 0;
  /** Failures in a row. */
  consecutiveFailures = 0;
  /** Refused or unanswered dials in a row. */
  refusals = 0;
  /** No dial before this while `refusals` > 0. */
  restsUntil = 0;
  /** When the one attempt began that is out to an endpoint that refuses or lets nobody in; 0 while none is. */
  dialedAt = 0;
  /** When it was set aside, or began to refuse; 0 while it is well. */
  troubledAt = 0;
  /** How often it was set aside lately; falls by one a minute. */
  ejections = 0;
  ejectedAt = 0;
  /** Why it was set aside, in the word of the event. */
  asideFor = '';
  /** It was set aside for what it answers, not for being unreachable. */
  failing = false;
  /** How late the newest hard evidence is: what was heard later is newer. */
  failedAt = 0;
  /** When a call or a probe last found it unreachable. */
  missedAt = 0;
  /** When its connections were last given up for new ones. */
  renewedAt = 0;
  /** How many calls of the service there had been when it was last probed. */
  callsAtProbe = 0;
  /** Whether the registry still names it. */
  present = true;
  report: LoadReport | undefined = undefined;
  warming: Warming | undefined = undefined;

  readonly #good = new Float64Array(slots);
  readonly #bad = new Float64Array(slots);
  #slot = -1;

  constructor(endpoint: Endpoint, { channel, secure }: Channels) {
    this.endpoint = endpoint;
    this.channel = channel;
    this.secure = secure;
  }

  /**
   * Peak-EWMA load: smoothed latency times calls in flight plus one, times one plus what failures weigh, times what the
   * endpoint's own report weighs. Falls while nothing is sent there, so that a slow endpoint is tried again some time.
   *
   * @see {@link strainOf}; Finagle `PeakEwma`; Eckner, "Algorithms for Unevenly Spaced Time Series"
   */
  load(now: number): number {
    let penalty =
      this.#penalty === 0
        ? 1
        : 1 + (this.#penalty / penaltyScale) * Math.exp((this.#penaltyAt - now) / penaltyDecayMs);
    if (now < this.#strainUntil) penalty *= this.#strainAt(now);
    if (this.#latencyUs === 0) return this.pending === 0 ? penalty - 1 : unknownLoad + this.pending * penalty;
    const latencyMs = this.#agedMs(now);
    return (latencyMs > leastLatencyMs ? latencyMs : leastLatencyMs) * (this.pending + 1) * penalty;
  }

  /** Smoothed latency of answers, in ms, as of the last one; 0 while nothing is known. */
  get latencyMs(): number {
    return this.#latencyUs / 1_000;
  }

  /** A latency above the average replaces it at once; one below it is blended in. */
  observe(latencyMs: number, now: number): void {
    const agedMs = this.#agedMs(now);
    const kept = latencyMs >= agedMs ? 0 : Math.exp((this.#observedAt - now) / decayMs);
    this.#learn(latencyMs * (1 - kept) + this.latencyMs * kept, now);
  }

  /** An answer is this late at least: the average is no lower than that. */
  lateBy(latencyMs: number, now: number): void {
    if (this.#latencyUs !== 0 && latencyMs > this.#agedMs(now)) this.#learn(latencyMs, now);
  }

  #agedMs(now: number): number {
    const idleMs = now - this.#observedAt;
    // Below a thousandth of the lifetime the difference is below a thousandth too.
    return idleMs < decayMs / 1_000
      ? this.#latencyUs / 1_000
      : (this.#latencyUs / 1_000) * Math.exp(-idleMs / decayMs);
  }

  #learn(latencyMs: number, now: number): void {
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
   * @param chance - uniform in [0, 1): sets it apart from what other clerks make of the same word
   */
  hear(report: LoadReport, chance: number): void {
    if (this.report === undefined) this.#phase = Math.floor(chance * 2 ** 32) | 0;
    else if (report.receivedAt < this.report.receivedAt) return;
    this.report = report;
    this.#strain = Math.round(penaltyScale * (strainOf(report.utilization) - 1));
    this.#strainUntil = Math.floor(report.receivedAt + reportMs);
  }

  /**
   * The factor for what it says, from 1 to all of it, another one each turn and each as often as any other. All clerks hear
   * the same, and would turn away together and come back together; as it is they do so in turn, and the more of them stay
   * away at a time, the heavier the load.
   *
   * @see golden-ratio sequence: any number of turns in a row is spread evenly
   */
  #strainAt(now: number): number {
    const part = (Math.imul(Math.floor(now / turnMs), golden) + this.#phase) >>> 0;
    return 1 + (this.#strain / penaltyScale) * (part / 2 ** 32);
  }

  /** All connections, each once. */
  get channels(): readonly Channel[] {
    return this.secure === undefined || this.secure === this.channel
      ? [this.channel]
      : [this.channel, this.secure];
  }

  /** Counts one result in the window of 30 s. */
  count(good: boolean, now: number): void {
    const counts = good ? this.#good : this.#bad;
    const tick = this.#turnTo(now);
    counts[tick % slots] = (counts[tick % slots] as number) + 1;
  }

  #turnTo(now: number): number {
    const tick = Math.floor(now / slotMs);
    if (tick > this.#slot) {
      for (let i = Math.max(this.#slot + 1, tick - slots + 1); i <= tick; i++)
        this.#good[i % slots] = this.#bad[i % slots] = 0;
      this.#slot = tick;
    }
    return tick;
  }

  /** Results of the last 30 s: how many, and which share was good. */
  rate(now: number): { readonly total: number; readonly good: number } {
    this.#turnTo(now);
    let good = 0;
    let bad = 0;
    for (let i = 0; i < slots; i++) {
      good += this.#good[i] as number;
      bad += this.#bad[i] as number;
    }
    return { total: good + bad, good: good + bad === 0 ? 1 : good / (good + bad) };
  }

  /**
   * Forgets failures, what it said of its load, and what latency was before. After a probe nothing is known (0): it gets one call at a time until
   * it has answered one, so an endpoint that greets quickly and works slowly costs one call a probe.
   */
  recover(latencyMs: number, now: number): void {
    this.consecutiveFailures = 0;
    this.refusals = 0;
    this.restsUntil = 0;
    this.dialedAt = 0;
    this.troubledAt = 0;
    this.failing = false;
    this.heardAt = now;
    this.#penalty = 0;
    this.report = undefined;
    this.#strainUntil = 0;
    this.#good.fill(0);
    this.#bad.fill(0);
    this.#latencyUs = Math.round(latencyMs * 1_000);
    this.#observedAt = Math.floor(now);
  }
}
