import type { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { ProbeRequest } from '../core/transport.js';
import type { EjectedEndpoints } from './ejected-endpoints.js';
import type { EndpointState } from './endpoint-state.js';
import type { OutlierEjector } from './outlier-ejector.js';
import { Prober } from './prober.js';
import { suspectTimeoutMs } from './suspect-timeout.js';

export interface ReachabilityOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly reporter: EventSink;
  readonly asyncContext: AsyncResource;
  readonly ejections: EjectedEndpoints;
  readonly failing: OutlierEjector;
  readonly probeRequest: () => ProbeRequest | false | undefined;
  readonly onUnreachable: (endpoint: string) => void;
  readonly onChange: () => void;
}

/**
 * Decides whether endpoints can be reached.
 * - A refused connection ejects an endpoint.
 * - A lost connection makes an endpoint suspect. A late attempt also does so, unless the endpoint has sent any
 * response since the attempt was sent.
 * - A suspect endpoint is probed at once, and gets calls only if no better endpoint is left. Any response ends the
 * suspicion. The endpoint is ejected if it sends no response for 1 s, or if a probe after a lost connection fails.
 * - Ejected endpoints are probed while calls arrive. After a failed probe, one repeatable call may serve as the next
 * probe.
 * @see [decision 052](../../docs/decisions/052-suspect-probe-eject.md)
 */
export class Reachability {
  trialDueAt = Infinity;
  readonly #options: ReachabilityOptions;
  readonly #prober: Prober;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
    this.#prober = new Prober({
      clock: options.clock,
      asyncContext: options.asyncContext,
      request: options.probeRequest,
      onAnswered: (member, sentAt) => this.#onProbeAnswered(member, sentAt),
      onUnanswered: (member) => this.#onProbeUnanswered(member),
      onTrialWanted: (member) => this.#wantTrial(member),
    });
  }

  callStarted(): void {
    this.#prober.callStarted();
  }

  /**
   * Called for each response. Ends a suspicion, or the ejection of an unreachable endpoint. `latencyMs` is 0 when
   * unknown.
   */
  onHeard(member: EndpointState, latencyMs: number, now: number): void {
    member.lastHeardAt = now;
    if (member.unhealthySince === 0 || member.isEjectedForFailures) return;
    member.endSilence(now);
    this.#prober.cancel(member);
    if (member.status === 'closed') {
      this.#options.ejections.revive(member, latencyMs, now);
    } else {
      member.clearSuspicion();
      this.#options.onChange();
    }
  }

  /**
   * Called for a late attempt. An endpoint that has sent any response since `sentAt` is slow, and does not become
   * suspect.
   */
  onLate(member: EndpointState, sentAt: number, now: number): void {
    if (member.lastHeardAt > sentAt) return;
    // An attempt sent before the last reset shows nothing about the new connections.
    if (sentAt >= member.lastReconnectAt) {
      member.lastReconnectAt = now;
      for (const channel of member.channels) channel.resetConnections();
    }
    this.#suspect(member, 'timeout', sentAt, now);
  }

  /**
   * Called when a connection was lost before a response. One route or a proxy may have closed the connection, so the
   * endpoint only becomes suspect. Without probes, the endpoint is ejected at once. Of several attempts that were in
   * flight together, only the first lost connection counts as a failure.
   */
  onConnectionLost(member: EndpointState, startedAt: number, now: number): void {
    const { failing, probeRequest } = this.#options;
    const isNew = startedAt >= member.lastHardFailureAt;
    member.lastHardFailureAt = now;
    if (isNew) failing.onFailure(member, startedAt, now);
    if (member.isEjectedForFailures) return;
    if (member.status === 'closed' || probeRequest() === false) this.onUnreachable(member, 'reset', now);
    else this.#suspect(member, 'reset', now, now);
  }

  /** Ejects an unreachable endpoint. The last endpoint that is not ejected stays in use. */
  onUnreachable(member: EndpointState, reason: string, now: number): void {
    const { failing, ejections, onUnreachable, probeRequest } = this.#options;
    member.lastHardFailureAt = reason === 'timeout' ? member.suspectSince : now;
    member.lastUnreachableAt = now;
    if (member.unhealthySince === 0) {
      member.unhealthySince = now;
      this.#reportSuspect(member, reason);
    }
    if (member.isEjectedForFailures) {
      failing.cancel(member);
      member.isEjectedForFailures = false;
    }
    const isEjected = ejections.eject(member, true, reason, now);
    if (isEjected && probeRequest() === false) failing.ejectForTime(member, now);
    else this.#prober.start(member);
    onUnreachable(member.endpoint.id);
  }

  takeTrial(
    members: readonly EndpointState[],
    now: number,
    isSuitable: (member: EndpointState) => boolean,
  ): EndpointState | undefined {
    const due = members.filter(({ trialDueAt }) => trialDueAt <= now);
    const found = due.find(isSuitable);
    if (found !== undefined) found.trialDueAt = Infinity;
    this.trialDueAt = due.length > (found === undefined ? 0 : 1) ? now : Infinity;
    return found;
  }

  cancel(member: EndpointState): void {
    this.#prober.cancel(member);
  }

  stop(): void {
    this.#prober.stop();
  }

  #suspect(member: EndpointState, reason: string, silentSince: number, now: number): void {
    if (member.status === 'closed' || member.isSuspect) return;
    member.suspectSince = silentSince;
    member.suspectReason = reason;
    if (member.unhealthySince === 0) member.unhealthySince = now;
    this.#reportSuspect(member, reason);
    this.#options.onChange();
    this.#prober.start(member);
  }

  #reportSuspect({ endpoint }: EndpointState, reason: string): void {
    const { name, reporter } = this.#options;
    if (reporter.hasListeners('suspect')) reporter.emit('suspect', { name, endpoint: endpoint.id, reason });
  }

  #onProbeAnswered(member: EndpointState, sentAt: number): void {
    // A connection that was refused or lost after the probe was sent outweighs the response.
    if (Math.max(member.lastHardFailureAt, member.lastEjectedAt) > sentAt) this.#prober.start(member);
    else this.onHeard(member, 0, this.#options.clock.now());
  }

  #onProbeUnanswered(member: EndpointState): void {
    const now = this.#options.clock.now();
    const { suspectReason } = member;
    if (member.status === 'closed') {
      member.lastUnreachableAt = now;
      this.#wantTrial(member);
    } else if (suspectReason === 'timeout' && this.#options.probeRequest() === false) {
      // Without probes, the clerk cannot verify that the endpoint sends no response, so the endpoint is not ejected.
      member.clearSuspicion();
      this.#options.onChange();
      return;
    } else if (suspectReason === 'reset' || now - member.suspectSince >= suspectTimeoutMs) {
      // After a lost connection, one failed probe ejects the endpoint. After a late attempt, the endpoint is ejected
      // only if it has sent no response for 1 s.
      this.onUnreachable(member, suspectReason, now);
      return;
    }
    this.#prober.start(member);
  }

  #wantTrial(member: EndpointState): void {
    member.trialDueAt = this.#options.clock.now();
    this.trialDueAt = Math.min(this.trialDueAt, member.trialDueAt);
  }
}
