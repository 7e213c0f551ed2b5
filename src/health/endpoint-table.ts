import { dialBackoffMs } from './dial-backoff.js';
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
  successRateStats,
  type SuccessRateStats,
} from './outlier-detection.js';
import { EndpointState } from './endpoint-state.js';
import { Prober } from './prober.js';

/** Options of an {@link EndpointTable}. */
export interface EndpointTableOptions {
  /** Name of the service, for events. */
  readonly name: string;
  readonly clock: Clock;
  readonly reporter: EventSink;
  /** Opens the channels of an added endpoint. */
  readonly openChannels: (endpoint: Endpoint) => EndpointChannels;
  /** Timeout of one probe, in ms. */
  readonly probeTimeoutMs: () => number;
  /**
   * Called with the instance id of an endpoint after a refused, reset or unanswered attempt, so that the caller looks
   * the service up again.
   */
  readonly onSuspect: (endpoint: string) => void;
  /** Called when the members, or the status of a member, may have changed. */
  readonly onChange: () => void;
}

/**
 * Duration of the slow start of an added endpoint, in ms: the time in which a new process compiles code and fills
 * caches. The endpoints of the first lookup start together, so none of these endpoints gets fewer calls than another.
 *
 * @see Envoy's [slow start
 * mode](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start)
 */
const newEndpointSlowStartMs = 30_000;
/**
 * Duration of the slow start after an ejected endpoint has recovered, in ms. Short, because the process is usually
 * still warm and only has to drain its queue. A restarted process has a new instance id or epoch, and counts as an
 * added endpoint.
 *
 * @see [P9](../../bench/README.md#p9): fair share within 3 s of recovery, of which a probe may take 1 s
 */
const revivedSlowStartMs = 1_000;
/** How long computed {@link SuccessRateStats} are reused, in ms. */
const rateStatsLifetimeMs = 1_000;

/** Time, in ms, after which the next dial of an endpoint may start although the previous dial has no result yet. */
const maxDialMs = 5_000;
/**
 * Shortest duration, in ms, of a timed-out dial that counts as a failed dial. A dial with less time may time out at a
 * healthy endpoint.
 */
const minDialWaitMs = 250;

/**
 * The endpoints of one service, with their health and load. Only this class and its prober change the health of
 * endpoints.
 *
 * A refused, reset or unanswered attempt (hard evidence) ejects an endpoint at once, and all endpoints but one may be
 * ejected for such attempts. Failure responses eject at most half of the endpoints. Ejected endpoints are probed in the
 * background while calls of the service arrive. No call waits for a probe.
 *
 * @see [C2.4](../../docs/guarantees.md#c2-4)
 */
export class EndpointTable implements Health {
  /**
   * Number that grows when the members, or the status of a member, may have changed. A picker that was built at a lower
   * version is outdated.
   */
  version = 0;
  /** Number of ejected members. An ejected member has the status `closed`. */
  ejectedCount = 0;
  #members: readonly EndpointState[] = [];
  #rateStats: SuccessRateStats = successRateStats([]);
  #rateStatsAt = -Infinity;
  readonly #options: EndpointTableOptions;
  readonly #prober: Prober;

  constructor(options: EndpointTableOptions) {
    this.#options = options;
    const { clock, probeTimeoutMs } = options;
    this.#prober = new Prober({
      clock,
      timeoutMs: probeTimeoutMs,
      onAlive: (member) => this.#revive(member, 0, clock.now()),
    });
  }

  /** All members, in the order in which the registry listed the endpoints. */
  get members(): readonly EndpointState[] {
    return this.#members;
  }

  /**
   * Replaces the members by the given endpoints. An endpoint whose id, epoch and addresses are unchanged keeps its
   * connections, health and load. The channels of a removed endpoint close when their requests in flight have ended.
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

  /** Notifies the prober that a call of the service has started. Probes are sent only while calls arrive. */
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
    // After an ejection for failure responses, a request sent before the ejection may still succeed. Only the success
    // of a request sent after the ejection proves recovery.
    if (member.ejectedForStatus && (latencyMs === undefined || now - latencyMs < member.lastEjectedAt))
      return;
    this.#revive(member, latencyMs ?? 0, now);
  }

  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number): void {
    asMember(candidate).observeAtLeast(elapsedMs, now);
  }

  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void {
    asMember(candidate).applyLoadReport({ ...load, receivedAt: now }, this.#options.clock.random());
  }

  /**
   * Applies the load reports in a lookup result. A report is ignored if a newer report of the same endpoint is known
   * already.
   *
   * @param loads - load reports by instance id
   * @param at - when the lookup was sent; the age of each report counts back from this time
   */
  applyLoads(loads: ReadonlyMap<string, AgedLoad>, at: number): void {
    for (const member of this.#members) {
      const agedLoad = loads.get(member.endpoint.id);
      if (agedLoad === undefined) continue;
      const { ageMs, ...load } = agedLoad;
      member.applyLoadReport({ ...load, receivedAt: at - ageMs }, this.#options.clock.random());
    }
  }

  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void {
    const member = asMember(candidate);
    if (!member.isListed) return;
    // A failed attempt gives no latency. An endpoint without a known latency takes the mean latency of the other
    // endpoints. Otherwise an endpoint that fails fast would look fast.
    const othersMs = member.latencyMs === 0 ? this.#meanLatencyOfOthersMs(member) : 0;
    if (othersMs > 0) member.observe(othersMs, now);
    member.penalize(now);
    const timedOut = evidence === 'timeout' || evidence === 'connect-timeout';
    if (timedOut || evidence === 'slow') member.observeAtLeast(now - startedAt, now);
    // An attempt started at or after `nextDialAt` is the dial that the backoff allowed, and this dial has ended.
    if (startedAt >= member.nextDialAt) member.dialStartedAt = 0;
    // An endpoint that responded to another request since the attempt started is slow, not silent.
    const isSilent = timedOut && member.lastHeardAt < startedAt;
    if (evidence === 'slow' || (timedOut && !isSilent)) return;
    member.count(false, now);
    member.consecutiveFailures++;
    if (evidence === 'status') {
      member.lastHeardAt = now;
      const { total, successRate } = member.rate(now);
      if (
        exceedsFailureThreshold(member.consecutiveFailures, total, successRate) ||
        isOutlier(total, successRate, this.#currentRateStats(now))
      )
        this.#eject(member, false, 'failures', now);
      return;
    }
    // Concurrent attempts count as one failed dial, since the first failure sets `nextDialAt`. A refusal before
    // `nextDialAt` is not counted. A connect timeout of an attempt started before `nextDialAt` is not counted either.
    if (evidence === 'refused' && now >= member.nextDialAt) this.#backOff(member, now);
    if (evidence === 'connect-timeout' && startedAt >= member.nextDialAt && now - startedAt >= minDialWaitMs)
      this.#backOff(member, now);
    member.lastHardFailureAt = isSilent ? startedAt : now;
    member.lastUnreachableAt = now;
    // An attempt started before the last reset used the connections from before the reset. The timeout of such an
    // attempt does not justify a reset of the new connections.
    if (isSilent && startedAt >= member.lastReconnectAt) {
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

  /** Stops all probing. Does not close the channels: the caller closes the channels. */
  stop(): void {
    this.#prober.stop();
  }

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

  /**
   * Returns the first measured latency of an endpoint, capped at twice the mean latency of the other endpoints. The
   * first latency is often too high: the time to connect is included, and the process may be cold.
   */
  #cappedFirstLatencyMs(member: EndpointState, latencyMs: number): number {
    const othersMs = this.#meanLatencyOfOthersMs(member);
    return othersMs === 0 ? latencyMs : Math.min(latencyMs, 2 * othersMs);
  }

  /**
   * Returns the mean latency, in ms, of the open members other than `excluded` whose latency is known; 0 when there is
   * no such member.
   */
  #meanLatencyOfOthersMs(excluded: EndpointState): number {
    let sum = 0;
    let count = 0;
    for (const member of this.#members) {
      if (member === excluded || member.status === 'closed' || member.latencyMs === 0) continue;
      sum += member.latencyMs;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }

  /**
   * Returns the distribution of the success rates of the open members, computed at most 1 s ago. With many members,
   * computing the distribution again for each failed call would be too expensive.
   */
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

  /**
   * Opens all members again if an update has left only ejected members. A call to an ejected member may still succeed.
   * Envoy's panic mode uses ejected hosts for the same reason.
   */
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

/**
 * Narrows a candidate to its class. Every candidate passed to a `Health` method is an `EndpointState` created by a
 * table.
 */
function asMember(candidate: ConnectedCandidate): EndpointState {
  if (candidate instanceof EndpointState) return candidate;
  throw new TypeError(`Candidate ${candidate.endpoint.id} must come from an EndpointTable`);
}
