import type { ImportDifference, ImportResponse } from '../../../protocol/naming-messages.js';
import type { EntryRecord } from '../state/records.js';

export type DifferenceLists = Pick<ImportResponse, 'added' | 'changed' | 'removed' | 'unchanged' | 'waiting'>;

/**
 * One entry of an import. `before` is the record before the import, `next` the record after it. `next` is undefined
 * for a removal.
 */
export interface ImportedEntry {
  readonly kind: ImportDifference['kind'];
  readonly name: string;
  readonly before: EntryRecord | undefined;
  readonly next: EntryRecord | undefined;
  /** Whether the import makes no change to the entry. */
  readonly isUnchanged: boolean;
  /** Time until the change applies, in ms; 0 when it applies with the import. */
  readonly appliesInMs: number;
}

const ownFields: ReadonlySet<string> = new Set(['kind', 'defined', 'pending', 'moved']);

/** An implicit service that the import defines counts as added, because exports do not contain implicit services. */
export function differenceOf(entries: readonly ImportedEntry[]): DifferenceLists {
  const lists = {
    added: [] as ImportDifference[],
    changed: [] as ImportDifference[],
    removed: [] as ImportDifference[],
    unchanged: [] as ImportDifference[],
    waiting: [] as ImportDifference[],
  };
  for (const { kind, name, before, next, isUnchanged, appliesInMs } of entries) {
    const isNew = before === undefined || (before.kind === 'service' && !before.defined);
    const fields =
      isNew || next === undefined || isRemoval(next) ? {} : { fields: changedFields(before, next) };
    if (appliesInMs > 0) lists.waiting.push({ kind, name, ...fields, appliesInMs: Math.ceil(appliesInMs) });
    else if (isUnchanged) lists.unchanged.push({ kind, name });
    else if (kind !== 'access' && isRemoval(next)) lists.removed.push({ kind, name });
    else if (isNew) lists.added.push({ kind, name });
    else lists.changed.push({ kind, name, ...fields });
  }
  return lists;
}

function isRemoval(next: EntryRecord | undefined): boolean {
  return next === undefined || (next.kind === 'service' && !next.defined);
}

function changedFields(before: object, next: object): readonly string[] {
  const [a, b] = [new Map(Object.entries(before)), new Map(Object.entries(next))];
  return [...new Set([...a.keys(), ...b.keys()])].filter(
    (key) => !ownFields.has(key) && JSON.stringify(a.get(key)) !== JSON.stringify(b.get(key)),
  );
}
