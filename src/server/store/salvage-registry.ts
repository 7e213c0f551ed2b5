import type { DataFolder } from '../../core/data-folder.js';
import type { SalvagedJournal, SalvageVisitor } from '../../core/journal/journal-salvage.js';
import { Journal } from '../../core/journal/journal.js';
import type { RecordChange } from '../ports.js';
import { readme } from './journal-store.js';
import { decodeRecords, encodeRecords } from './record-batch.js';

export class RecordCollector implements SalvageVisitor {
  readonly records = new Map<string, string>();
  /** Keys that are changed by batches after a gap in the journal. Their last values are lost. */
  readonly lostKeys = new Set<string>();

  onCheckpoint(payload: Buffer): void {
    this.#apply(decodeRecords(payload));
  }

  onBatch({ payload }: { readonly payload: Buffer }): void {
    this.#apply(decodeRecords(payload));
  }

  onLostBatch({ payload }: { readonly payload: Buffer }): void {
    for (const { key } of decodeRecords(payload)) this.lostKeys.add(key);
  }

  #apply(changes: Iterable<RecordChange>): void {
    for (const { key, value } of changes)
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value);
  }
}

const recordsPerBatch = 10_000;

export async function writeRecords(
  folder: DataFolder,
  records: ReadonlyMap<string, string>,
  randomHex: (bytes: number) => string,
): Promise<void> {
  const visitor = { onCheckpoint: () => undefined, onBatch: () => undefined };
  const { journal } = await Journal.open(folder, { content: 'registry', randomHex, readme }, visitor);
  try {
    const changes = [...records].map(([key, value]) => ({ key, value }));
    for (let i = 0; i < changes.length; i += recordsPerBatch)
      await journal.append(encodeRecords(changes.slice(i, i + recordsPerBatch)));
  } finally {
    await journal.close();
  }
}

export function lossOf(found: SalvagedJournal<RecordCollector>): readonly string[] {
  const { isComplete, sequence, acknowledgedSequence, visitor } = found;
  if (isComplete) return [];
  const lines: string[] = [];
  if (acknowledgedSequence === undefined)
    lines.push(
      `all changes after batch ${sequence}; their number is unknown, because the file 'end' is missing or damaged`,
    );
  else if (acknowledgedSequence > sequence)
    lines.push(`batches ${sequence + 1} to ${acknowledgedSequence} of the journal`);
  else lines.push(`records in damaged or missing parts of the checkpoint`);
  const names = new Set([...visitor.lostKeys].map(describeKey).filter((text) => text !== undefined));
  return [...lines, ...[...names].sort().map((name) => `a change of ${name}`)];
}

function describeKey(key: string): string | undefined {
  const [kind, name, id] = key.split(' ');
  switch (kind) {
    case 'e':
      return `entry ${name}`;
    case 'p':
      return `endpoint ${id} of ${name}`;
    case 'l':
      return `launch ${id} of ${name}`;
    case 'i':
      return `key sha256/${id} of ${name}`;
    case 'a':
      return `rights in ${name}`;
    default:
      return undefined;
  }
}
