import type { EventSink } from '../core/events.js';
import type { EndpointState } from './endpoint-state.js';
import { mayEject } from './ejection-limit.js';

/**
 * Duration of the slow start after an ejection, in ms. Short, because the process is usually still warm. A restarted
 * process counts as a new endpoint, which has a longer slow start. @see
 * [healed-replica](../../bench/README.md#healed-replica)
 */
const revivedSlowStartMs = 1_000;

export interface EjectedEndpointsOptions {
  readonly name: string;
  readonly reporter: EventSink;
  readonly onChange: () => void;
}

/**
 * Ejects endpoints of one service (members), and ends ejections. The last member that is not ejected is never
 * ejected.
 */
export class EjectedEndpoints {
  readonly #options: EjectedEndpointsOptions;
  #members: readonly EndpointState[] = [];
  #count = 0;

  constructor(options: EjectedEndpointsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Replaces the members. If all new members are ejected, ends all ejections, because a call may still succeed.
   * Envoy's panic mode has the same effect. Returns the members whose ejection ended.
   */
  update(members: readonly EndpointState[]): readonly EndpointState[] {
    this.#members = members;
    const ejected = members.filter(({ status }) => status === 'closed');
    const reopened = ejected.length === members.length ? ejected : [];
    for (const member of reopened) member.status = 'open';
    this.#count = ejected.length - reopened.length;
    return reopened;
  }

  /**
   * @param isHardEvidence - true if the member is unreachable; false if the member sends failure responses
   * @param reason - the `reason` of the event `ejected`
   * @returns whether the member was ejected
   */
  eject(member: EndpointState, isHardEvidence: boolean, reason: string, now: number): boolean {
    if (member.status === 'closed' || !mayEject(isHardEvidence, this.#members.length, this.#count))
      return false;
    this.#count++;
    member.status = 'closed';
    member.ejectionReason = reason;
    member.recentEjections =
      Math.max(0, member.recentEjections - Math.floor((now - member.lastEjectedAt) / 60_000)) + 1;
    member.lastEjectedAt = now;
    member.isEjectedForFailures = !isHardEvidence;
    member.suspectSince = 0;
    if (member.unhealthySince === 0) member.unhealthySince = now;
    const { name, reporter, onChange } = this.#options;
    onChange();
    if (reporter.hasListeners('ejected'))
      reporter.emit('ejected', { name, endpoint: member.endpoint.id, reason });
    return true;
  }

  revive(member: EndpointState, latencyMs: number, now: number): void {
    if (member.status === 'open') return;
    const { name, reporter, onChange } = this.#options;
    const afterMs = now - member.unhealthySince;
    this.#count--;
    member.status = 'open';
    member.recover(latencyMs, now);
    const { slowStart } = member;
    if (slowStart === undefined || slowStart.startedAt + slowStart.windowMs < now + revivedSlowStartMs)
      member.slowStart = Object.freeze({ startedAt: now, windowMs: revivedSlowStartMs });
    if (reporter.hasListeners('revived'))
      reporter.emit('revived', { name, endpoint: member.endpoint.id, afterMs });
    onChange();
  }
}
