import { resolve } from 'node:path';
import type { DataFolder } from '../../../core/data-folder.js';
import { quote } from '../../../core/describe-value.js';
import type { LocatedFrame } from '../../../core/journal/frame-reader.js';
import type { SalvageVisitor } from '../../../core/journal/journal-salvage.js';
import { Journal } from '../../../core/journal/journal.js';
import { readSalvage, writeSalvage, type SalvageHost } from '../../../core/journal/salvage-folder.js';
import { maxClockSkewMs } from '../retention-window.js';
import { decodeEntries, encodeEntries, type CallEntry } from './call-entries.js';
import { readme } from './call-journal.js';

/** What `salvageCalls` has saved, and what is lost. */
export interface CallSalvageReport {
  /** What was damaged, as a predicate such as `has lost its journal`. Undefined when the folder was complete. */
  readonly problem: string | undefined;
  /** Number of entries in the new folder. */
  readonly records: number;
  /** Descriptions of the losses; empty when nothing is lost. */
  readonly lost: readonly string[];
}

export interface CallSalvageHost extends SalvageHost {
  readonly wallNow: () => number;
}

class EntryCollector implements SalvageVisitor {
  readonly entries: CallEntry[] = [];
  readonly lostIds = new Set<string>();

  onHeader({ carried }: { readonly carried: number }): void {
    if (carried > 0) this.entries.push({ kind: 'expire', before: carried });
  }

  onCheckpoint(): void {
    // The journal of calls has no checkpoints.
  }

  onBatch({ payload }: LocatedFrame): void {
    // A copy, because the payload is part of a larger buffer.
    this.entries.push(...decodeEntries(Buffer.from(payload)));
  }

  onLostBatch({ payload }: LocatedFrame): void {
    for (const entry of decodeEntries(payload)) if ('id' in entry) this.lostIds.add(entry.id);
  }
}

const entriesPerBatch = 64;

export async function salvageCallFolder(
  from: string,
  to: string,
  host: CallSalvageHost,
): Promise<CallSalvageReport> {
  const subjectOf = (path: string): string => `Folder ${quote(resolve(path))} of diskCalls()`;
  const create = (): EntryCollector => new EntryCollector();
  const found = await readSalvage(host, resolve(from), subjectOf(from), 'CONFIG_INVALID', create);
  const { entries, lostIds } = found.visitor;
  // A key may state a creation time up to `maxClockSkewMs` in the future.
  if (!found.isComplete)
    entries.push({ kind: 'lost', before: Math.ceil(host.wallNow()) + maxClockSkewMs + 1 });
  await writeSalvage(host, resolve(to), subjectOf(to), (folder) =>
    writeEntries(folder, entries, host.randomHex),
  );
  const { problem, sequence, acknowledgedSequence, isComplete } = found;
  if (isComplete) return { problem, records: entries.length, lost: [] };
  const what =
    acknowledgedSequence !== undefined && acknowledgedSequence > sequence
      ? `batches ${sequence + 1} to ${acknowledgedSequence}`
      : 'perhaps some batches';
  return {
    problem,
    records: entries.length,
    lost: [
      `${what}; the new folder refuses each call that was created before the salvage and has no record`,
      ...[...lostIds].map((id) => `a change of call ${id}`),
    ],
  };
}

async function writeEntries(
  folder: DataFolder,
  entries: readonly CallEntry[],
  randomHex: (bytes: number) => string,
): Promise<void> {
  const visitor = { onCheckpoint: () => undefined, onBatch: () => undefined };
  const { journal } = await Journal.open(folder, { content: 'calls', randomHex, readme }, visitor);
  try {
    for (let i = 0; i < entries.length; i += entriesPerBatch)
      await journal.append(encodeEntries(entries.slice(i, i + entriesPerBatch)));
  } finally {
    await journal.close();
  }
}
