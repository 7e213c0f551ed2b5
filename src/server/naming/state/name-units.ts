import { limits } from '../../../protocol/limits.js';
import type { EntryRecord } from './records.js';

/**
 * How often a name counts for its creator: once, and once more for each KiB of its record. Only services with launch
 * parameters, groups and scheduled changes can have large records.
 */
export function nameUnits(record: EntryRecord): number {
  const mayBeLarge =
    record.kind === 'group' ||
    record.pending !== undefined ||
    (record.kind === 'service' && record.launch !== null);
  return mayBeLarge ? 1 + Math.floor(JSON.stringify(record).length / limits.bytesPerName) : 1;
}
