import { habitKinds, type HabitKind } from './dominance/caller-habits.js';
import { incidentKinds, type IncidentKind } from './steady/incident.js';

/** Faults that only the bundled server and its registrations can have. */
export const serverFaults = ['registry-loss', 'registry-cut', 'write-fails', 'takeover', 'redefine'] as const;

/** Faults that only the simulated registry can have. */
export const portFaults: readonly FaultKind[] = ['registry-lie'];

/** All faults that a fault mix draws from. */
export const faultKinds = [
  'lose-request',
  'lose-reply',
  'reset-before',
  'reset-after',
  'truncate',
  'refuse-stream',
  'status',
  'retry-after',
  'delay',
  'slow-replica',
  'connect-stall',
  'refuse',
  'pause',
  'kill',
  'restart-elsewhere',
  'address-reuse',
  'withdraw',
  'relink',
  'scale',
  'cut-off',
  'registry-down',
  'registry-hang',
  'registry-slow',
  'registry-lie',
  'registry-empty',
  'watch-break',
  'wall-jump',
  'caller-abort',
  ...serverFaults,
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Events of calls, endpoints and clients that must be covered. */
export const coverageEvents = [
  'ok',
  'ok-once',
  'ok-after-failover',
  'once-resent-unsent',
  'once-resent-refused-stream',
  'resent-after-reused-connection',
  'idempotent-run-twice',
  'failover',
  'suspect',
  'suspect-by-registry',
  'ejected: refused',
  'ejected: reset',
  'ejected: timeout',
  'ejected: failures',
  'revived',
  'stale',
  'started',
  'factory-shared',
  'factory-failed',
  'no-endpoint',
  'name-not-found',
  'registry-error-first',
  'exhausted',
  'deadline',
  'deadline-unsent',
  'outcome-unknown',
  'unknown-but-run',
  'unknown-not-run',
  'budget-refused',
  'status-thrown',
  'failed-status-returned',
  'aborted',
  'aborted-sent',
  'second-address',
  'linked-call',
  'watch-update',
  'used-after-wall-jump',
  'closed-with-calls',
  'destroyed-with-calls',
  'rejected-when-closed',
  'survivable-call',
  'custom-call-failed-over',
  'server-killed',
  'restart-with-leases',
  'unsynced-lost',
  'synced-unacknowledged',
  'write-failed',
  'store-recovered',
  'lease-renewed',
  'renewed-late',
  'lease-expired',
  'registration-lost',
  'fenced',
  'drained',
  'change-too-early',
  'changed-when-expired',
  'watch-resumed',
  'watch-resynced',
  'listened-late',
  'launched',
  'launch-requested',
  'launch-shared',
  'served-by-proxy',
  'replay-rejected',
  'stranger-rejected',
  'silent-holder-replaced',
  'registry-restored',
  'restore-noticed',
  'registry-copied',
  'audit-disk-full',
  'audit-power-failure',
  'audit-gap',
  'idle-stopped',
  'rolling-reset',
  'moved',
  'moved-back',
  'moved-call',
  'frozen-replaced',
  'hedged',
  'raced',
  'waited-for-ready',
] as const;

/** Events of calls that the oracle of C9 follows, and what programs do in them. They must be covered too. */
export const dominanceEvents = [
  'plain-answered',
  'plain-answered-joined',
  'plain-failed',
  'plain-failing',
  'plain-too-late',
  'plain-unreadable',
  'nested-in-listener',
  'nested-in-handler',
  'nested-in-resolve',
  'joined',
  'first-attempt-won',
] as const;

export type CoverageEvent = (typeof coverageEvents)[number] | (typeof dominanceEvents)[number];

/** `fault:…` for faults, `habit:…` for habits of callers and services, the event itself otherwise. */
export type CoverageMark =
  `fault:${FaultKind}` | `habit:${HabitKind}` | `incident:${IncidentKind}` | CoverageEvent;

export const allCoverageMarks: readonly CoverageMark[] = [
  ...faultKinds.map((kind) => `fault:${kind}` as const),
  ...habitKinds.map((kind) => `habit:${kind}` as const),
  ...incidentKinds.map((kind) => `incident:${kind}` as const),
  ...coverageEvents,
  ...dominanceEvents,
];

/**
 * Counts how often each fault and event happened, over all seeds. A simulation in which no call fails over proves nothing about
 * failover.
 */
export class Coverage {
  readonly counts = new Map<CoverageMark, number>();

  hit(mark: CoverageMark, count = 1): void {
    this.counts.set(mark, (this.counts.get(mark) ?? 0) + count);
  }

  add(other: Coverage): void {
    for (const [mark, count] of other.counts) this.hit(mark, count);
  }

  /** The marks that were hit fewer than `min` times, with their counts. */
  rarerThan(min: number, marks: readonly CoverageMark[]): string[] {
    return marks
      .filter((mark) => (this.counts.get(mark) ?? 0) < min)
      .map((mark) => `${mark}: ${this.counts.get(mark) ?? 0}`);
  }
}
