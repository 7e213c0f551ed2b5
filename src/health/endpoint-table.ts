import type { AsyncResource } from 'node:async_hooks';
import type { Endpoint } from '../core/endpoint.js';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Evidence, Health } from '../core/health.js';
import type { AgedLoad, Load } from '../core/load-report.js';
import type { EndpointChannels, ConnectedCandidate } from '../core/candidate.js';
import type { Channel, ProbeRequest } from '../core/transport.js';
import { DialBackoff } from './dial-backoff.js';
import { EndpointLatencies } from './endpoint-latencies.js';
import { EndpointState } from './endpoint-state.js';
import { EjectedEndpoints } from './ejected-endpoints.js';
import { OutlierEjector } from './outlier-ejector.js';
import { Reachability } from './reachability.js';
import { isSameEndpoint, isSameList } from './same-endpoint.js';

export interface EndpointTableOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly reporter: EventSink;
  readonly asyncContext: AsyncResource;
  readonly openChannels: (endpoint: Endpoint) => EndpointChannels;
  readonly probeRequest: () => ProbeRequest | false | undefined;
  /** Called when an endpoint is unreachable, so that the service is looked up again. */
  readonly onUnreachable: (endpoint: string) => void;
  readonly onChange: () => void;
}

/**
 * Duration of the slow start of a new endpoint, in ms. A new process compiles code and fills caches. Endpoints of the
 * first lookup have equal shares, because their slow starts begin at the same time. @see Envoy's [slow start
 * mode](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start)
 */
const newEndpointSlowStartMs = 30_000;
/**
 * The endpoints of one service (members), with their health and load. {@link Reachability} decides whether an
 * endpoint responds. {@link OutlierEjector} decides whether an endpoint fails too often. @see
 * [C2.4](../../docs/guarantees.md#c2-4)
 */
export class EndpointTable implements Health {
  /** Grows when the members, or the health of a member, may have changed. A picker of a lower version is outdated. */
  version = 0;
  #members: readonly EndpointState[] = [];
  readonly #options: EndpointTableOptions;
  readonly #ejections: EjectedEndpoints;
  readonly #failing: OutlierEjector;
  readonly #reachability: Reachability;
  readonly #dials: DialBackoff;
  readonly #latencies = new EndpointLatencies(() => this.#members);

  constructor(options: EndpointTableOptions) {
    this.#options = options;
    const onChange = (): void => this.#notifyChange();
    const shared = { ...options, onChange };
    this.#dials = new DialBackoff(options.clock);
    this.#ejections = new EjectedEndpoints(shared);
    this.#failing = new OutlierEjector({
      ...shared,
      members: () => this.#members,
      eject: (member, now) => this.#ejectForFailures(member, now),
      open: (member, now) => this.#ejections.revive(member, 0, now),
    });
    this.#reachability = new Reachability({ ...shared, ejections: this.#ejections, failing: this.#failing });
  }

  get members(): readonly EndpointState[] {
    return this.#members;
  }

  /**
   * Replaces the members. An endpoint with the same id, epoch, addresses and keys keeps its connections, health and
   * load. If only the order of the addresses changed, the endpoint keeps its health and load. If this endpoint is
   * healthy, new connections use the new order. The connections of a removed endpoint, and replaced connections, close
   * after their last request has ended.
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
      if (member && isSameEndpoint(member.endpoint, endpoint)) {
        known.delete(endpoint.id);
        member.endpoint = endpoint;
        this.#followOrder(member);
        members.push(member);
      } else {
        const added = new EndpointState(endpoint, this.#options.openChannels(endpoint));
        added.slowStart = slowStart;
        members.push(added);
      }
    }
    this.#members = members;
    for (const removed of known.values()) this.#remove(removed);
    for (const member of this.#ejections.update(members)) this.#endFailures(member);
    this.#notifyChange();
  }

  get ejectedCount(): number {
    return this.#ejections.count;
  }

  /** Time from which a call may serve as a trial; Infinity if no member waits for a trial. */
  get trialDueAt(): number {
    return this.#reachability.trialDueAt;
  }

  /** Must be called for each call, because probes are sent only while calls arrive. */
  callStarted(): void {
    this.#reachability.callStarted();
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
      const startedAt = now - latencyMs;
      member.lastGoodStartedAt = startedAt;
      const silentMs = member.silentMsSince(startedAt, now);
      // Time without any response of the endpoint, such as a pause of its process, does not count as latency.
      if (silentMs > 0) this.#latencies.observeAtLeast(member, latencyMs - silentMs, usualMs, now);
      else scaledMs = this.#latencies.observe(member, latencyMs, usualMs, now);
    }
    member.successRate.count(true, now);
    member.consecutiveFailures = 0;
    if (member.isWatched) this.#failing.onSuccess(member, now - (latencyMs ?? 0));
    this.#reachability.onHeard(member, scaledMs, now);
  }

  attemptAbandoned(candidate: ConnectedCandidate, elapsedMs: number, now: number, usualMs?: number): void {
    this.#latencies.observeAtLeast(asMember(candidate), elapsedMs, usualMs, now);
  }

  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void {
    asMember(candidate).applyLoadReport({ ...load, receivedAt: now }, this.#options.clock.random());
  }

  /**
   * Reports that are older than a known report have no effect.
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
    if (member.isListed) this.#reachability.onLate(member, sentAt, now);
  }

  uploadContinued(candidate: ConnectedCandidate, now: number): void {
    const member = asMember(candidate);
    if (member.isListed) this.#reachability.onHeard(member, 0, now);
  }

  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void {
    const member = asMember(candidate);
    if (!member.isListed) return;
    if (evidence === 'repeated') {
      member.lastFailureAt = now;
      return;
    }
    this.#latencies.penalize(member, now);
    switch (evidence) {
      case 'status':
        this.#reachability.onHeard(member, 0, now);
        this.#failing.onFailure(member, startedAt, now);
        return;
      case 'failure':
        this.#failing.onFailure(member, startedAt, now);
        return;
      case 'connect-timeout':
        member.observeAtLeast(now - startedAt, now);
        this.#dials.onConnectTimeout(member, startedAt, now);
        this.#reachability.onLate(member, startedAt, now);
        return;
      case 'reset':
        this.#dials.onEnded(member, startedAt);
        this.#reachability.onConnectionLost(member, startedAt, now);
        return;
      case 'refused':
        this.#dials.onRefused(member, startedAt, now);
        member.successRate.count(false, now);
        member.consecutiveFailures++;
        this.#reachability.onUnreachable(member, 'refused', now);
    }
  }

  callFailed(endpoints: readonly string[], startedAt: number, now: number): void {
    const members = endpoints.flatMap((id) => this.#members.find(({ endpoint }) => endpoint.id === id) ?? []);
    this.#failing.onCallFailed(members, startedAt, now);
  }

  isListed(candidate: ConnectedCandidate): boolean {
    return asMember(candidate).isListed;
  }

  canDial(candidate: ConnectedCandidate, now: number): boolean {
    return this.#dials.canDial(asMember(candidate), now);
  }

  nextDialAt(candidate: ConnectedCandidate): number {
    const member = asMember(candidate);
    return member.consecutiveDialFailures === 0 ? 0 : member.nextDialAt;
  }

  /**
   * Returns an ejected or suspect endpoint that gets a repeatable call as its next probe; undefined if there is none.
   */
  takeTrial(now: number, isSuitable: (member: EndpointState) => boolean): EndpointState | undefined {
    return this.#reachability.takeTrial(
      this.#members,
      now,
      (member) => isSuitable(member) && this.canDial(member, now),
    );
  }

  /** Whether a failing endpoint that was picked gets the call. If false, the call goes to another endpoint. */
  takesCall(candidate: ConnectedCandidate, now: number): boolean {
    return this.#failing.takesCall(asMember(candidate), now);
  }

  /** Stops all probes and timers. The caller must close the channels. */
  stop(): void {
    this.#reachability.stop();
    this.#failing.stop();
  }

  #ejectForFailures(member: EndpointState, now: number): boolean {
    const isEjected = this.#ejections.eject(member, false, 'failures', now);
    if (isEjected) this.#reachability.cancel(member);
    return isEjected;
  }

  #endFailures(member: EndpointState): void {
    if (!member.isEjectedForFailures) return;
    this.#failing.cancel(member);
    member.isEjectedForFailures = false;
    member.unhealthySince = 0;
  }

  #notifyChange(): void {
    this.version++;
    this.#options.onChange();
  }

  /** An endpoint that is not healthy keeps its channels until a later update, because a probe may be in flight. */
  #followOrder(member: EndpointState): void {
    const { endpoint, openedFor, channels, unhealthySince } = member;
    if (unhealthySince !== 0 || isSameList(openedFor, endpoint.addresses)) return;
    member.open(this.#options.openChannels(endpoint));
    closeAll(channels);
  }

  #remove(member: EndpointState): void {
    member.isListed = false;
    this.#reachability.cancel(member);
    this.#failing.cancel(member);
    closeAll(member.channels);
  }
}

function closeAll(channels: readonly Channel[]): void {
  for (const channel of channels) channel.close().catch(() => undefined);
}

function asMember(candidate: ConnectedCandidate): EndpointState {
  if (candidate instanceof EndpointState) return candidate;
  throw new TypeError(`Candidate ${candidate.endpoint.id} must come from an EndpointTable`);
}
