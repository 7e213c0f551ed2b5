import { resolve } from 'node:path';
import type { DataFolder, OpenDataFolder } from '../../../core/data-folder.js';
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import type { LocatedFrame } from '../../../core/journal/frame-reader.js';
import { JournalDamage } from '../../../core/journal/journal-reader.js';
import {
  salvageJournal,
  type SalvagedJournal,
  type SalvageVisitor,
} from '../../../core/journal/journal-salvage.js';
import { Journal } from '../../../core/journal/journal.js';
import { maxClockSkewMs } from '../retention-window.js';
import { decodeEntries, encodeEntries, type CallEntry } from './call-entries.js';
import { readme } from './call-journal.js';

/** What `salvageCalls` has saved, and what is lost. */
export interface CallSalvageReport {
  /**
   * What was damaged: the predicate of a sentence whose subject is the folder. Undefined when the folder was complete.
   */
  readonly problem: string | undefined;
  /** Number of entries in the new folder. */
  readonly records: number;
  /** What is lost, one item per element; empty when nothing is lost. */
  readonly lost: readonly string[];
}

export interface CallSalvageHost {
  readonly openFolder: OpenDataFolder;
  readonly fillFolder: (
    path: string,
    suffix: string,
    fill: (temporaryPath: string) => Promise<void>,
  ) => Promise<void>;
  readonly randomHex: (bytes: number) => string;
  readonly wallNow: () => number;
}

class EntryCollector implements SalvageVisitor {
  readonly entries: CallEntry[] = [];
  readonly lostIds = new Set<string>();

  onHeader({ carried }: { readonly carried: number }): void {
    if (carried > 0) this.entries.push({ kind: 'expire', before: carried });
  }

  onCheckpoint(): void {
    // The calls of a service have no checkpoints.
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
  const { openFolder, fillFolder, randomHex, wallNow } = host;
  const subject = `Folder ${quote(resolve(from))} of diskCalls()`;
  const folder = await openFolder(resolve(from), subject);
  let found: SalvagedJournal<EntryCollector>;
  try {
    found = await salvageJournal(folder, () => new EntryCollector());
  } catch (error) {
    if (!(error instanceof JournalDamage)) throw error;
    throw new ClerkError('CONFIG_INVALID', `${subject} ${error.message}`, { cause: error });
  } finally {
    await folder.close();
  }
  const { entries, lostIds } = found.visitor;
  // The creation time in a key may be ahead of the clock of the service by `maxClockSkewMs`.
  if (!found.isComplete) entries.push({ kind: 'lost', before: Math.ceil(wallNow()) + maxClockSkewMs + 1 });
  await fillFolder(resolve(to), randomHex(4), async (temporaryPath) => {
    const written = await openFolder(temporaryPath, `Folder ${quote(resolve(to))} of diskCalls()`);
    try {
      await writeEntries(written, entries, randomHex);
    } finally {
      await written.close();
    }
  });
  const { problem, sequence, acknowledgedSequence, isComplete } = found;
  if (isComplete) return { problem, records: entries.length, lost: [] };
  const what =
    acknowledgedSequence !== undefined && acknowledgedSequence > sequence
      ? `batches ${sequence + 1} to ${acknowledgedSequence}`
      : 'some batches, perhaps';
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
