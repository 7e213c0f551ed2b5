import type { EventSink } from '../core/events.js';
import type { EndpointState } from './endpoint-state.js';
import { mayEject } from './outlier-detection.js';

/**
 * Slow start after an ejection. Short, because the process is usually still warm. A restarted process counts as a new
 * endpoint. @see [P9](../../bench/README.md#p9)
 */
const revivedSlowStartMs = 1_000;

export interface EjectionsOptions {
  readonly name: string;
  readonly reporter: EventSink;
  readonly onChange: () => void;
}

/**
 * Ejects endpoints of one service (members) and opens ejected members again. The last member that is not ejected
 * stays.
 */
export class Ejections {
  readonly #options: EjectionsOptions;
  #members: readonly EndpointState[] = [];
  #count = 0;

  constructor(options: EjectionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Replaces the members. If all new members are ejected, opens all of them, because a call may still succeed.
   * Envoy's panic mode does the same. Returns the members that were opened.
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
   * @param isHardEvidence - whether the member is unreachable; false if the member answers, but with failures
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
