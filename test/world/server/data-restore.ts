import type { FakeRuntime } from 'binding-clerk/testing';
import { storeKeys } from '../../../src/server/naming/state/record-codec.js';
import type { RecordChange } from '../../../src/server/ports.js';
import type { Run } from '../../../src/server/naming/registry-identity.js';
import type { CoverageMark } from '../coverage.js';
import type { RandomStream } from '../random-stream.js';
import type { RestoreKind } from './restore-kind.js';
import type { CheckerCopy, ServerChecker } from './server-checker.js';
import type { AuditCopy, SimulatedAudit } from './simulated-audit.js';
import type { DiskCopy, SimulatedDisk } from './simulated-disk.js';
import type { SimulatedServer } from './simulated-server.js';

export interface DataRestoreOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly kind: RestoreKind;
  readonly disk: SimulatedDisk;
  readonly checker: ServerChecker;
  readonly audit: SimulatedAudit | undefined;
  readonly server: SimulatedServer;
  readonly leaseMs: number;
  /** All faults have ended. */
  readonly isOver: () => boolean;
  /** @param isOtherFolder - whether the registry owns no earlier process */
  readonly onRestored: (isOtherFolder: boolean) => void;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
}

/** The end of the history that the copy contains. */
interface CopiedHistory {
  readonly incarnation: string;
  readonly revision: number;
  readonly runs: readonly Run[];
  /** Ids of the runs since the restore. */
  readonly laterRuns: Set<string>;
}

/**
 * Sets the data of the registry back to an older copy, once, while clerks and services live on. A client that returns with a
 * later position must get no answer of the incarnation that was lost.
 *
 * @see [C1.8](../../../docs/guarantees.md#c1-8), [C6.7](../../../docs/guarantees.md#c6-7)
 */
export class DataRestore {
  readonly #options: DataRestoreOptions;
  #copied: CopiedHistory | undefined;
  #isNoticed = false;

  constructor(options: DataRestoreOptions) {
    this.#options = options;
  }

  /** Schedules the copy and its restore within a time, in ms. */
  schedule(periodMs: number): void {
    const { runtime, random, disk, checker, audit, isOver } = this.#options;
    const copyAtMs = periodMs * random.between(0.02, 0.6);
    const restoreAtMs = copyAtMs + (periodMs - copyAtMs) * random.between(0.05, 0.9);
    runtime.setTimer(() => {
      const copies = [disk.copy(), checker.copy(), audit?.copy()] as const;
      runtime.setTimer(() => {
        if (!isOver()) this.#restore(...copies);
      }, restoreAtMs - copyAtMs);
    }, copyAtMs);
  }

  /** A server has read the restored records. */
  loaded(records: ReadonlyMap<string, string>): void {
    this.#copied = {
      incarnation: records.get(storeKeys.incarnation) ?? '',
      revision: Number(records.get(storeKeys.revision)),
      runs: JSON.parse(records.get(storeKeys.runs) ?? '[]') as readonly Run[],
      laterRuns: new Set(),
    };
  }

  /** The server has written a change. */
  written(changes: readonly RecordChange[]): void {
    const runs = changes.find(({ key }) => key === storeKeys.runs)?.value;
    if (runs === undefined || this.#copied === undefined) return;
    for (const { id } of JSON.parse(runs) as readonly Run[]) this.#copied.laterRuns.add(id);
  }

  /** The server answers a client that has returned positions, separated by commas. */
  answered(positions: string, incarnation: string): void {
    const { checker, mark, violate } = this.#options;
    const copied = this.#copied;
    // The new incarnation must be durable before the answer.
    if (copied === undefined || checker.isBroken) return;
    if (incarnation !== copied.incarnation) {
      if (!this.#isNoticed) mark('restore-noticed');
      this.#isNoticed = true;
    } else if (positions.split(',').some((position) => isLost(position, copied)))
      violate('C1.8', `a client that has seen ${positions} gets an answer of the same incarnation`);
  }

  #restore(diskCopy: DiskCopy, checkerCopy: CheckerCopy, auditCopy: AuditCopy | undefined): void {
    const { runtime, random, kind, disk, checker, audit, server, leaseMs, onRestored, mark, log } =
      this.#options;
    log(`the data is set back to an older copy (${kind})`);
    mark('registry-restored');
    server.kill();
    disk.restore(diskCopy, kind !== 'overwritten');
    if (auditCopy !== undefined) audit?.restore(auditCopy);
    server.adopts = kind === 'adopted';
    // Clients keep the endpoints that the registry has lost for a lease at least.
    checker.restore(checkerCopy, runtime.now() + leaseMs);
    onRestored(kind === 'copied');
    runtime.setTimer(() => server.start(), random.between(0, 300));
  }
}

/** Whether a position belongs to the history that the copy lacks. */
function isLost(position: string, { incarnation, revision, runs, laterRuns }: CopiedHistory): boolean {
  const [ofIncarnation, ofRevision, mark = ''] = position.split(':');
  if (ofIncarnation !== incarnation || mark === '') return false;
  const [, id = ''] = mark.split('-');
  if (id === runs.at(-1)?.id) return Number(ofRevision) > revision;
  return !laterRuns.has(id) && !runs.some((run) => run.id === id);
}
