/**
 * The endpoints of one service and what this clerk has learned of them: the only place where health is written.
 * Hard evidence sets an endpoint aside at once, up to all but one; rates set aside at most half; the last is never
 * set aside. What is set aside is probed while calls arrive, and a probe never costs a call.
 *
 * @see promises C2.4
 */
import type { Endpoint } from '../core/endpoint.js';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Evidence, Health } from '../core/health.js';
import type { AgedLoad, Load } from '../core/load-report.js';
import type { EndpointChannels, ConnectedCandidate } from '../core/candidate.js';
import {
  exceedsFailureThreshold,
  isOutlier,
  mayEject,
  dialBackoffMs,
  successRateStats,
  type SuccessRateStats,
} from './outlier-detection.js';
import { EndpointState } from './endpoint-state.js';
import { Prober } from './prober.js';

/** What a table needs of its surroundings. */
export interface EndpointTableOptions {
  /** The service, for reports. */
  readonly name: string;
  readonly clock: Clock;
  readonly reporter: EventSink;
  /** Opens the connections to an endpoint that is new here. */
  readonly openChannels: (endpoint: Endpoint) => EndpointChannels;
  /** How long a probe may take, in ms. */
  readonly probeTimeoutMs: () => number;
  /** Hard evidence was seen: a look-up is due. */
  readonly onSuspect: (endpoint: string) => void;
  /** Members, or the status of one, have changed. */
  readonly onChange: () => void;
}

/**
 * How long one that the registry has just named gets less than its share, in ms: code is compiled and caches are
 * filled by then. What was there from the first answer on has the same time, all of them alike, so it spares nobody.
 *
 * @see Envoy, slow start mode, whose documentation calls 30 s to a minute usual
 */
const newEndpointSlowStartMs = 30_000;
/**
 * The same for one that was set aside and is back, in ms. Much shorter: mostly the process is the one that was there
 * before, stopped or cut off for a while, and warm; what an outage leaves is a queue, and a second empties it. And it
 * shall have its fair share again within three seconds of its healing (bench, P9), up to one of which a probe may take.
 * One that was started again at the same address is cold all the same; load shows it after a few calls. Where the
 * registry gives it a new instance id or epoch it is a newcomer.
 */
const revivedSlowStartMs = 1_000;
/** Success rates of all are compared so often at most, in ms. */
const rateStatsLifetimeMs = 1_000;

/** A dial that was not heard of for so long is over, though nobody said so; in ms. */
const maxDialMs = 5_000;
/** A dial that was waited for less than this was not waited for: the caller was in a hurry; in ms. */
const minDialWaitMs = 250;

/** The endpoints of one service. */
export class EndpointTable implements Health {
  /** Grows whenever the members or the status of one changes: pickers made before are out of date then. */
  version = 0;
  /** Members that are set aside. */
  ejectedCount = 0;
  #members: readonly EndpointState[] = [];
  #rateStats: SuccessRateStats = successRateStats([]);
  #rateStatsAt = -Infinity;
  readonly #options: EndpointTableOptions;
  readonly #prober: Prober;

  constructor(options: EndpointTableOptions) {
    this.#options = options;
    const { clock, probeTimeoutMs: limitMs } = options;
    this.#prober = new Prober({
      clock,
      timeoutMs: limitMs,
      onAlive: (member) => this.#revive(member, 0, clock.now()),
    });
  }

  /** All members, in the registry's order. */
  get members(): readonly EndpointState[] {
    return this.#members;
  }

  /**
   * Takes over a complete new set. An instance that stays keeps its connections and what was learned of it; one that
   * is gone finishes what is in flight and is closed.
   */
  update(endpoints: readonly Endpoint[]): void {
    const known = new Map(this.#members.map((member) => [member.endpoint.id, member]));
    const members: EndpointState[] = [];
    const slowStart = Object.freeze({
      startedAt: this.#options.clock.now(),
      windowMs: newEndpointSlowStartMs,
    });
    for (const endpoint of endpoints) {
      const member = known.get(endpoint.id);
      if (member && sameAddresses(member.endpoint, endpoint) && member.endpoint.epoch === endpoint.epoch) {
        known.delete(endpoint.id);
        member.endpoint = endpoint;
        members.push(member);
      } else {
        const added = new EndpointState(endpoint, this.#options.openChannels(endpoint));
        added.slowStart = slowStart;
        members.push(added);
      }
    }
    this.#members = members;
    for (const removed of known.values()) this.#remove(removed);
    this.ejectedCount = members.reduce((sum, member) => sum + (member.status === 'closed' ? 1 : 0), 0);
    this.#reopenIfAllEjected();
    this.#notifyChange();
  }

  /** A call arrived: probing goes on only while they do. */
  callStarted(): void {
    this.#prober.callStarted();
  }

  attemptStarted(candidate: ConnectedCandidate): void {
    const member = asMember(candidate);
    member.pending++;
    if (member.consecutiveDialFailures > 0) member.dialStartedAt = this.#options.clock.now();
  }

  attemptEnded(candidate: ConnectedCandidate): void {
    const member = asMember(candidate);
    member.pending--;
    if (member.pending === 0) member.dialStartedAt = 0;
  }

  responseReceived(candidate: ConnectedCandidate, latencyMs: number | undefined, now: number): void {
    const member = asMember(candidate);
    if (!member.isListed) return;
    if (latencyMs !== undefined)
      member.observe(member.latencyMs === 0 ? this.#cappedFirstLatencyMs(member, latencyMs) : latencyMs, now);
    member.lastHeardAt = now;
    member.count(true, now);
    member.consecutiveFailures = 0;
    if (member.unhealthySince === 0) return;
    // One that fails now and then answers well in between: only what was asked after it was set aside speaks for it.
    if (member.ejectedForStatus && (latencyMs === undefined || now - latencyMs < member.lastEjectedAt))
      return;
    this.#revive(member, latencyMs ?? 0, now);
  }

  hedgeLost(candidate: ConnectedCandidate, ms: number, now: number): void {
    asMember(candidate).observeAtLeast(ms, now);
  }

  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void {
    asMember(candidate).applyLoadReport({ ...load, receivedAt: now }, this.#options.clock.random());
  }

  /** What a registry tells of loads, by instance, as of an instant: less than what was heard of them since. */
  applyLoads(loads: ReadonlyMap<string, AgedLoad>, at: number): void {
    for (const member of this.#members) {
      const told = loads.get(member.endpoint.id);
      if (told === undefined) continue;
      const { ageMs, ...load } = told;
      member.applyLoadReport({ ...load, receivedAt: at - ageMs }, this.#options.clock.random());
    }
  }

  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void {
    const member = asMember(candidate);
    if (!member.isListed) return;
    // What has never answered is taken to need as long as the others, or failing fast would look like answering fast.
    const othersMs = member.latencyMs === 0 ? this.#meanLatencyOfOthersMs(member) : 0;
    if (othersMs > 0) member.observe(othersMs, now);
    member.penalize(now);
    const timedOut = evidence === 'timeout' || evidence === 'connect-timeout';
    if (timedOut || evidence === 'slow') member.observeAtLeast(now - startedAt, now);
    // Older attempts began before the rest did: this one is the dial.
    if (startedAt >= member.nextDialAt) member.dialStartedAt = 0;
    // It has answered somebody since: a slow answer, not silence.
    const silent = timedOut && member.lastHeardAt < startedAt;
    if (evidence === 'slow' || (timedOut && !silent)) return;
    member.count(false, now);
    member.consecutiveFailures++;
    if (evidence === 'status') {
      member.lastHeardAt = now;
      const { total, successes } = member.rate(now);
      if (
        exceedsFailureThreshold(member.consecutiveFailures, total, successes) ||
        isOutlier(total, successes, this.#currentRateStats(now))
      )
        this.#eject(member, false, 'failures', now);
      return;
    }
    // One round counts once, however many attempts were in it; what came to nothing before the rest was in the last one.
    if (evidence === 'refused' && now >= member.nextDialAt) this.#backOff(member, now);
    if (evidence === 'connect-timeout' && startedAt >= member.nextDialAt && now - startedAt >= minDialWaitMs)
      this.#backOff(member, now);
    member.lastHardFailureAt = silent ? startedAt : now;
    member.lastUnreachableAt = now;
    // Attempts from before say nothing of connections made since.
    if (silent && startedAt >= member.lastReconnectAt) {
      member.lastReconnectAt = now;
      for (const channel of member.channels) channel.resetConnections();
    }
    const reason = timedOut ? 'timeout' : evidence;
    if (member.unhealthySince === 0) {
      member.unhealthySince = now;
      const { name, reporter } = this.#options;
      if (reporter.hasListeners('suspect'))
        reporter.emit('suspect', { name, endpoint: member.endpoint.id, reason });
    }
    this.#eject(member, true, reason, now);
    this.#prober.start(member);
    this.#options.onSuspect(member.endpoint.id);
  }

  canDial(candidate: ConnectedCandidate, now: number): boolean {
    const member = asMember(candidate);
    if (member.consecutiveDialFailures === 0) return true;
    return (
      now >= member.nextDialAt && (member.dialStartedAt === 0 || now - member.dialStartedAt >= maxDialMs)
    );
  }

  nextDialAt(candidate: ConnectedCandidate): number {
    const member = asMember(candidate);
    return member.consecutiveDialFailures === 0 ? 0 : member.nextDialAt;
  }

  /** Stops probing for good. Connections are the caller's to close. */
  stop(): void {
    this.#prober.stop();
  }

  /** Its next dial is paced. */
  #backOff(member: EndpointState, now: number): void {
    member.consecutiveDialFailures++;
    member.nextDialAt = now + dialBackoffMs(member.consecutiveDialFailures, this.#options.clock.random());
  }

  #eject(member: EndpointState, isHardEvidence: boolean, reason: string, now: number): void {
    if (member.status === 'closed' || !mayEject(isHardEvidence, this.#members.length, this.ejectedCount))
      return;
    member.status = 'closed';
    member.ejectionReason = reason;
    member.recentEjections =
      Math.max(0, member.recentEjections - Math.floor((now - member.lastEjectedAt) / 60_000)) + 1;
    member.lastEjectedAt = now;
    member.ejectedForStatus = !isHardEvidence;
    this.ejectedCount++;
    this.#notifyChange();
    if (member.unhealthySince === 0) member.unhealthySince = now;
    this.#prober.start(member);
    const { name, reporter } = this.#options;
    if (reporter.hasListeners('ejected'))
      reporter.emit('ejected', { name, endpoint: member.endpoint.id, reason });
  }

  #revive(member: EndpointState, latencyMs: number, now: number): void {
    const { name, reporter } = this.#options;
    const afterMs = now - member.unhealthySince;
    this.#prober.cancel(member);
    member.recover(latencyMs, now);
    if (member.status === 'closed') {
      member.status = 'open';
      this.ejectedCount--;
      const { slowStart } = member;
      if (slowStart === undefined || slowStart.startedAt + slowStart.windowMs < now + revivedSlowStartMs)
        member.slowStart = Object.freeze({ startedAt: now, windowMs: revivedSlowStartMs });
      if (reporter.hasListeners('revived'))
        reporter.emit('revived', { name, endpoint: member.endpoint.id, afterMs });
    }
    this.#notifyChange();
  }

  /** A first answer had to open its connection, and its process may have been cold: it counts up to twice the usual. */
  #cappedFirstLatencyMs(member: EndpointState, latencyMs: number): number {
    const othersMs = this.#meanLatencyOfOthersMs(member);
    return othersMs === 0 ? latencyMs : Math.min(latencyMs, 2 * othersMs);
  }

  /** Mean latency of the others that are open: what a newcomer is taken to need until it has shown. */
  #meanLatencyOfOthersMs(except: EndpointState): number {
    let sum = 0;
    let count = 0;
    for (const member of this.#members) {
      if (member === except || member.status === 'closed' || member.latencyMs === 0) continue;
      sum += member.latencyMs;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }

  /** How well all do, as of a second ago at most: with many members it costs more than a failing call should. */
  #currentRateStats(now: number): SuccessRateStats {
    if (now - this.#rateStatsAt >= rateStatsLifetimeMs) {
      this.#rateStatsAt = now;
      this.#rateStats = successRateStats(
        this.#members.filter(({ status }) => status === 'open').map((member) => member.rate(now)),
      );
    }
    return this.#rateStats;
  }

  #notifyChange(): void {
    this.version++;
    this.#options.onChange();
  }

  #remove(member: EndpointState): void {
    member.isListed = false;
    this.#prober.cancel(member);
    for (const channel of member.channels) channel.close().catch(() => undefined);
  }

  /** After a change of members all that are left might be closed: then none is. @see promises C2.4 (panic) */
  #reopenIfAllEjected(): void {
    if (this.ejectedCount === 0 || this.ejectedCount < this.#members.length) return;
    for (const member of this.#members) {
      member.status = 'open';
      member.ejectedForStatus = false;
    }
    this.ejectedCount = 0;
  }
}

function sameAddresses(a: Endpoint, b: Endpoint): boolean {
  return (
    a.addresses.length === b.addresses.length && a.addresses.every((address, i) => address === b.addresses[i])
  );
}

/** Candidates come from here and go back here. */
function asMember(candidate: ConnectedCandidate): EndpointState {
  if (candidate instanceof EndpointState) return candidate;
  throw new TypeError(`${candidate.endpoint.id} is no member of a table`);
}
