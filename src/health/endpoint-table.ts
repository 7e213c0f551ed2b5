import type { Endpoint } from '../core/endpoint.js';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Evidence, Health } from '../core/health.js';
import type { AgedLoad, Load } from '../core/load-report.js';
import type { EndpointChannels, ConnectedCandidate } from '../core/candidate.js';
import type { ProbeRequest } from '../core/transport.js';
import { DialBackoff } from './dial-backoff.js';
import { EndpointState } from './endpoint-state.js';
import { FailingEndpoints } from './failing-endpoints.js';
import { LatencyScale } from './latency-scale.js';
import { mayEject } from './outlier-detection.js';
import { Prober, silenceMs } from './prober.js';

/** Options of an {@link EndpointTable}. */
export interface EndpointTableOptions {
  /** Name of the service, for events. */
  readonly name: string;
  readonly clock: Clock;
  readonly reporter: EventSink;
  /** Opens the channels of an added endpoint. */
  readonly openChannels: (endpoint: Endpoint) => EndpointChannels;
  /** Returns the request of a health probe; undefined for the default, false when the program has switched probes off. */
  readonly probeRequest: () => ProbeRequest | false | undefined;
  /** Called with the instance id of an endpoint that was found unreachable: the service must be looked up again. */
  readonly onUnreachable: (endpoint: string) => void;
  /** Called when the members, or the health of a member, may have changed. */
  readonly onChange: () => void;
}

/**
 * Duration of the slow start of an added endpoint, in ms: the time in which a new process compiles code and fills
 * caches. The endpoints of the first lookup start together, so none of them gets fewer calls than another.
 *
 * @see Envoy's [slow start
 * mode](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start)
 */
const newEndpointSlowStartMs = 30_000;
/**
 * Duration of the slow start after an ejection, in ms. Short, because the process is usually still warm: a restarted
 * process has a new instance id or epoch, and counts as an added endpoint.
 *
 * @see [P9](../../bench/README.md#p9)
 */
const revivedSlowStartMs = 1_000;

/**
 * The endpoints of one service, with their health and load. Only this class and its parts change the health of endpoints.
 *
 * - A refused connection ejects an endpoint at once.
 * - A lost connection, or a late attempt at an endpoint that has answered nothing since, makes the endpoint suspect. A
 *   suspect endpoint gets no calls while another endpoint is free. It is probed at once. Any answer to an attempt or a
 *   probe ends the suspicion; 1 s of silence to everything ejects the endpoint.
 * - All endpoints but one may be ejected for these reasons. Ejected endpoints are probed while calls arrive. After a
 *   failed probe, one repeatable call may serve as the next probe.
 * - {@link FailingEndpoints} judges the statuses of answers.
 *
 * @see [C2.4](../../docs/guarantees.md#c2-4)
 * @see [decision 052](../../docs/decisions/052-suspect-probe-eject.md)
 */
export class EndpointTable implements Health {
  /** Grows when the members, or the health of a member, may have changed. A picker of a lower version is outdated. */
  version = 0;
  /** Number of ejected members. An ejected member has the status `closed`. */
  ejectedCount = 0;
  /** From when on {@link takeTrial} can return a member; Infinity when no member waits for a trial. */
  trialDueAt = Infinity;
  #members: readonly EndpointState[] = [];
  readonly #options: EndpointTableOptions;
  readonly #prober: Prober;
  readonly #failing: FailingEndpoints;
  readonly #dials: DialBackoff;
  readonly #scale = new LatencyScale();

  constructor(options: EndpointTableOptions) {
    this.#options = options;
    const { clock, probeRequest } = options;
    this.#dials = new DialBackoff(clock);
    this.#prober = new Prober({
      clock,
      request: probeRequest,
      onAnswered: (member, sentAt) => this.#onProbeAnswered(member, sentAt),
      onUnanswered: (member) => this.#onProbeUnanswered(member),
      onTrialWanted: (member) => this.#wantTrial(member),
    });
    this.#failing = new FailingEndpoints({
      clock,
      members: () => this.#members,
      eject: (member, now) => this.#eject(member, false, 'failures', now),
      open: (member, now) => this.#revive(member, 0, now),
      onChange: () => this.#notifyChange(),
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

  attemptHeld(candidate: ConnectedCandidate): void {
    asMember(candidate).held++;
  }

  attemptEnded(candidate: ConnectedCandidate, wasHeld: boolean): void {
    const member = asMember(candidate);
    member.pending--;
    if (wasHeld) member.held--;
    if (member.pending === 0) member.dialStartedAt = 0;
  }

  responseReceived(
    candidate: ConnectedCandidate,
    latencyMs: number | undefined,
    now: number,
    usualMs?: number,
  ): void {
    const member = asMember(candidate);
    if (!member.isListed) return;
    let scaledMs = 0;
    if (latencyMs !== undefined) {
      scaledMs = this.#scale.toCommon(latencyMs, usualMs);
      member.observe(member.latencyMs === 0 ? this.#cappedFirstLatencyMs(member, scaledMs) : scaledMs, now);
    }
    member.successRate.count(true, now);
    member.consecutiveFailures = 0;
    if (member.isWatched) this.#failing.onSuccess(member, now - (latencyMs ?? 0));
    this.#heard(member, scaledMs, now);
  }

  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number, usualMs?: number): void {
    asMember(candidate).observeAtLeast(this.#scale.toCommon(elapsedMs, usualMs), now);
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

  attemptLate(candidate: ConnectedCandidate, sentAt: number, now: number): void {
    const member = asMember(candidate);
    // An endpoint that has answered something since the attempt was sent is slow, not silent.
    if (!member.isListed || member.lastHeardAt > sentAt) return;
    // An attempt sent before the last reset used the connections from before the reset, and says nothing about the new
    // ones.
    if (sentAt >= member.lastReconnectAt) {
      member.lastReconnectAt = now;
      for (const channel of member.channels) channel.resetConnections();
    }
    this.#suspect(member, 'timeout', sentAt, now);
  }

  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void {
    const member = asMember(candidate);
    if (!member.isListed) return;
    this.#penalize(member, now);
    switch (evidence) {
      case 'status':
        this.#heard(member, 0, now);
        this.#failing.onFailure(member, startedAt, now);
        return;
      case 'failure':
        this.#failing.onFailure(member, startedAt, now);
        return;
      case 'connect-timeout':
        member.observeAtLeast(now - startedAt, now);
        this.#dials.onConnectTimeout(member, startedAt, now);
        if (member.lastHeardAt <= startedAt) this.#suspect(member, 'timeout', startedAt, now);
        return;
      case 'reset':
        this.#dials.onEnded(member, startedAt);
        this.#onConnectionLost(member, startedAt, now);
        return;
      case 'refused':
        this.#dials.onRefused(member, startedAt, now);
        member.successRate.count(false, now);
        member.consecutiveFailures++;
        this.#onUnreachable(member, 'refused', now);
    }
  }

  canDial(candidate: ConnectedCandidate, now: number): boolean {
    return this.#dials.canDial(asMember(candidate), now);
  }

  nextDialAt(candidate: ConnectedCandidate): number {
    const member = asMember(candidate);
    return member.consecutiveDialFailures === 0 ? 0 : member.nextDialAt;
  }

  /**
   * Returns an ejected or suspect endpoint to which a repeatable call may be sent as its probe, and counts the call as
   * that probe; undefined when there is none.
   */
  takeTrial(now: number, isSuitable: (member: EndpointState) => boolean): EndpointState | undefined {
    const isDue = (member: EndpointState): boolean => member.trialDueAt <= now;
    const found = this.#members.find(
      (member) => isDue(member) && isSuitable(member) && this.canDial(member, now),
    );
    if (found !== undefined) found.trialDueAt = Infinity;
    this.trialDueAt = this.#members.some(isDue) ? now : Infinity;
    return found;
  }

  /**
   * Whether an endpoint that was picked although it `isFailing` gets the call. If not, the call must go to an endpoint
   * that works.
   */
  takesCall(candidate: ConnectedCandidate, now: number): boolean {
    return this.#failing.takesCall(asMember(candidate), now);
  }

  /** Stops all probing. Does not close the channels: the caller closes the channels. */
  stop(): void {
    this.#prober.stop();
    this.#failing.stop();
  }

  /** Records that an endpoint has answered. Any answer ends a suspicion or an ejection for silence. */
  #heard(member: EndpointState, latencyMs: number, now: number): void {
    member.lastHeardAt = now;
    if (member.unhealthySince === 0 || member.isEjectedForFailures) return;
    if (member.status === 'closed') {
      this.#revive(member, latencyMs, now);
      return;
    }
    this.#prober.cancel(member);
    member.clearSuspicion();
    this.#notifyChange();
  }

  #suspect(member: EndpointState, reason: string, silentSince: number, now: number): void {
    if (member.status === 'closed' || member.isSuspect) return;
    member.suspectSince = silentSince;
    member.suspectReason = reason;
    if (member.unhealthySince === 0) member.unhealthySince = now;
    const { name, reporter } = this.#options;
    if (reporter.hasListeners('suspect'))
      reporter.emit('suspect', { name, endpoint: member.endpoint.id, reason });
    this.#notifyChange();
    this.#prober.start(member);
  }

  /**
   * A lost connection makes the endpoint suspect: one route or a restart of a proxy may have closed the connection.
   * Attempts that were in flight together count once.
   */
  #onConnectionLost(member: EndpointState, startedAt: number, now: number): void {
    const isNew = startedAt >= member.lastHardFailureAt;
    member.lastHardFailureAt = now;
    if (isNew) this.#failing.onFailure(member, startedAt, now);
    if (member.isEjectedForFailures) return;
    if (member.status === 'closed' || this.#options.probeRequest() === false)
      this.#onUnreachable(member, 'reset', now);
    else this.#suspect(member, 'reset', now, now);
  }

  #onProbeAnswered(member: EndpointState, sentAt: number): void {
    // A connection that was refused or lost after the probe was sent outweighs the answer.
    if (Math.max(member.lastHardFailureAt, member.lastEjectedAt) > sentAt) this.#prober.start(member);
    else this.#heard(member, 0, this.#options.clock.now());
  }

  #onProbeUnanswered(member: EndpointState): void {
    const now = this.#options.clock.now();
    const { suspectReason } = member;
    if (member.status === 'closed') {
      member.lastUnreachableAt = now;
      this.#wantTrial(member);
    } else if (suspectReason === 'reset' || now - member.suspectSince >= silenceMs) {
      // A lost connection and a failed probe prove that the endpoint is unreachable. Otherwise only silence does.
      this.#onUnreachable(member, suspectReason, now);
      return;
    }
    this.#prober.start(member);
  }

  /** Ejects an endpoint that was found unreachable, unless it is the last one. */
  #onUnreachable(member: EndpointState, reason: string, now: number): void {
    const { name, reporter, onUnreachable, probeRequest } = this.#options;
    member.lastHardFailureAt = reason === 'timeout' ? member.suspectSince : now;
    member.lastUnreachableAt = now;
    if (member.unhealthySince === 0) {
      member.unhealthySince = now;
      if (reporter.hasListeners('suspect'))
        reporter.emit('suspect', { name, endpoint: member.endpoint.id, reason });
    }
    if (member.isEjectedForFailures) {
      this.#failing.cancel(member);
      member.isEjectedForFailures = false;
    }
    const isEjected = this.#eject(member, true, reason, now);
    if (isEjected && probeRequest() === false) this.#failing.ejectForTime(member, now);
    else this.#prober.start(member);
    onUnreachable(member.endpoint.id);
  }

  #eject(member: EndpointState, isHardEvidence: boolean, reason: string, now: number): boolean {
    if (member.status === 'closed' || !mayEject(isHardEvidence, this.#members.length, this.ejectedCount))
      return false;
    member.status = 'closed';
    member.ejectionReason = reason;
    member.recentEjections =
      Math.max(0, member.recentEjections - Math.floor((now - member.lastEjectedAt) / 60_000)) + 1;
    member.lastEjectedAt = now;
    member.isEjectedForFailures = !isHardEvidence;
    member.suspectSince = 0;
    if (!isHardEvidence) this.#prober.cancel(member);
    this.ejectedCount++;
    this.#notifyChange();
    if (member.unhealthySince === 0) member.unhealthySince = now;
    const { name, reporter } = this.#options;
    if (reporter.hasListeners('ejected'))
      reporter.emit('ejected', { name, endpoint: member.endpoint.id, reason });
    return true;
  }

  #revive(member: EndpointState, latencyMs: number, now: number): void {
    if (member.status === 'open') return;
    const { name, reporter } = this.#options;
    const afterMs = now - member.unhealthySince;
    this.#prober.cancel(member);
    member.recover(latencyMs, now);
    member.status = 'open';
    this.ejectedCount--;
    const { slowStart } = member;
    if (slowStart === undefined || slowStart.startedAt + slowStart.windowMs < now + revivedSlowStartMs)
      member.slowStart = Object.freeze({ startedAt: now, windowMs: revivedSlowStartMs });
    if (reporter.hasListeners('revived'))
      reporter.emit('revived', { name, endpoint: member.endpoint.id, afterMs });
    this.#notifyChange();
  }

  #wantTrial(member: EndpointState): void {
    member.trialDueAt = this.#options.clock.now();
    this.trialDueAt = Math.min(this.trialDueAt, member.trialDueAt);
  }

  /**
   * Raises the load of an endpoint after a failed attempt, which gives no latency. An endpoint without a known latency
   * takes the mean latency of the others: otherwise an endpoint that fails fast would look fast.
   */
  #penalize(member: EndpointState, now: number): void {
    const othersMs = member.latencyMs === 0 ? this.#meanLatencyOfOthersMs(member) : 0;
    if (othersMs > 0) member.observe(othersMs, now);
    member.penalize(now);
  }

  /**
   * Returns the first measured latency of an endpoint, capped at twice the mean latency of the other endpoints. The
   * first latency is often too high: the time to connect is included, and the process may be cold.
   */
  #cappedFirstLatencyMs(member: EndpointState, latencyMs: number): number {
    const othersMs = this.#meanLatencyOfOthersMs(member);
    return othersMs === 0 ? latencyMs : Math.min(latencyMs, 2 * othersMs);
  }

  /** Returns the mean known latency, in ms, of the open members other than `excluded`; 0 when none is known. */
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

  #notifyChange(): void {
    this.version++;
    this.#options.onChange();
  }

  #remove(member: EndpointState): void {
    member.isListed = false;
    this.#prober.cancel(member);
    this.#failing.cancel(member);
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
      if (member.isEjectedForFailures) {
        this.#failing.cancel(member);
        member.isEjectedForFailures = false;
        member.unhealthySince = 0;
      }
    }
    this.ejectedCount = 0;
  }
}

function sameAddresses(a: Endpoint, b: Endpoint): boolean {
  return (
    a.addresses.length === b.addresses.length && a.addresses.every((address, i) => address === b.addresses[i])
  );
}

/** Narrows a candidate to its class: every candidate passed to a `Health` method comes from a table. */
function asMember(candidate: ConnectedCandidate): EndpointState {
  if (candidate instanceof EndpointState) return candidate;
  throw new TypeError(`Candidate ${candidate.endpoint.id} must come from an EndpointTable`);
}
