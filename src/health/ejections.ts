import type { EventSink } from '../core/events.js';
import type { EndpointState } from './endpoint-state.js';
import { mayEject } from './outlier-detection.js';

/**
 * Duration of the slow start after an ejection, in ms. Short, because the process is usually still warm: a restarted
 * process has a new instance id or epoch, and counts as an added endpoint.
 *
 * @see [P9](../../bench/README.md#p9)
 */
const revivedSlowStartMs = 1_000;

/** Options of {@link Ejections}. */
export interface EjectionsOptions {
  /** Name of the service, for events. */
  readonly name: string;
  readonly reporter: EventSink;
  /** Called when a member was ejected or revived. */
  readonly onChange: () => void;
}

/** The ejected members of one service. The last open member is never ejected. */
export class Ejections {
  readonly #options: EjectionsOptions;
  #members: readonly EndpointState[] = [];
  #count = 0;

  constructor(options: EjectionsOptions) {
    this.#options = options;
  }

  /** Number of ejected members. */
  get count(): number {
    return this.#count;
  }

  /**
   * Replaces the members. Opens all of them if only ejected ones are left: a call to an ejected member may still succeed.
   * Envoy's panic mode uses ejected hosts for the same reason.
   *
   * @returns the members that were opened
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
   * Ejects an open member, unless too many members are ejected.
   *
   * @param isHardEvidence - whether the member is unreachable; false for failing answers
   * @param reason - as in the event `ejected`
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

  /** Opens an ejected member. @see {@link EndpointState.recover} */
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
