import { decodeBatch } from '../../../src/server/naming/shared/batch-content.js';
import type { LogBatch } from '../../../src/server/shared-log.js';
import type { StateChange } from '../../../src/server/naming/state/records.js';

export interface TrueBatch {
  readonly at: number;
  readonly revision: number;
  readonly server: string;
  readonly changes: readonly StateChange[];
}

/** Everything that was appended to the log, with the time of the append: what lookups, leases and watches are compared with. */
export class LogTruth {
  readonly batches: TrueBatch[] = [];
  /** Target of each link after each change of it, with the revision and the time. */
  readonly #links = new Map<
    string,
    { readonly revision: number; readonly at: number; readonly target: string | undefined }[]
  >();

  add(batch: LogBatch, server: string, at: number): TrueBatch {
    const { revision, changes } = decodeBatch(batch.content, at);
    const added = { at, revision, server, changes };
    this.batches.push(added);
    for (const change of changes) {
      if (change.kind !== 'entry') continue;
      const target = change.record?.kind === 'link' ? change.record.target : undefined;
      const history = this.#links.get(change.name) ?? [];
      this.#links.set(change.name, history);
      if (history.at(-1)?.target !== target) history.push({ revision, at, target });
    }
    return added;
  }

  /** Revision of the last batch that was appended at this time or before. */
  revisionAt(at: number): number {
    return this.batches.findLast((batch) => batch.at <= at)?.revision ?? 0;
  }

  targetAt(name: string, revision: number): string | undefined {
    return this.#links.get(name)?.findLast((change) => change.revision <= revision)?.target;
  }

  madeAt(name: string, target: string): number | undefined {
    return this.#links.get(name)?.find((change) => change.target === target)?.at;
  }

  /** When the link last had the target that it has at `revision`; Infinity if it has it still. */
  changedAfter(name: string, revision: number): number {
    return this.#links.get(name)?.find((change) => change.revision > revision)?.at ?? Infinity;
  }
}
