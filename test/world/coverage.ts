/**
 * Coverage marks: what must have happened often enough over all seeds. A world in which no call ever fails over proves
 * nothing about failing over.
 */

/** Faults that only the real server and those who register with it can have. */
export const serverFaults = ['registry-loss', 'registry-cut', 'write-fails', 'takeover', 'redefine'] as const;

/** Faults that only a registry of the test's own can have. */
export const portFaults: readonly FaultKind[] = ['registry-lie'];

/** Faults that a swarm draws from. */
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

/** What calls, endpoints and clerks may come to. */
export const coverageEvents = [
  'ok',
  'ok-once',
  'ok-after-failover',
  'once-resent-unsent',
  'once-resent-withdrawn',
  'idempotent-run-twice',
  'failover',
  'suspect',
  'marked',
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
  'refused-when-closed',
  'gentle-call',
  'talk-failed-over',
  'server-killed',
  'restart-with-leases',
  'unsynced-lost',
  'synced-untold',
  'write-failed',
  'lease-renewed',
  'renewed-just-in-time',
  'lease-expired',
  'holder-lost',
  'fenced',
  'drained',
  'promise-held',
  'changed-when-expired',
  'watch-resumed',
  'watch-resynced',
  'launched',
  'launch-asked',
  'launch-shared',
  'answered-by-another',
  'replay-refused',
  'hedged',
  'raced',
] as const;

export type CoverageEvent = (typeof coverageEvents)[number];

/** `fault:…` for faults, the bare word for happenings. */
export type CoverageMark = `fault:${FaultKind}` | CoverageEvent;

export const allCoverageMarks: readonly CoverageMark[] = [
  ...faultKinds.map((kind) => `fault:${kind}` as const),
  ...coverageEvents,
];

/** Counts marks. */
export class Coverage {
  readonly counts = new Map<CoverageMark, number>();

  hit(mark: CoverageMark, count = 1): void {
    this.counts.set(mark, (this.counts.get(mark) ?? 0) + count);
  }

  add(other: Coverage): void {
    for (const [mark, count] of other.counts) this.hit(mark, count);
  }

  /** Those of some marks that were hit fewer than `least` times. */
  rarerThan(min: number, marks: readonly CoverageMark[]): string[] {
    return marks
      .filter((mark) => (this.counts.get(mark) ?? 0) < min)
      .map((mark) => `${mark}: ${this.counts.get(mark) ?? 0}`);
  }
}
