import { limits } from '../../../protocol/limits.js';
import type { EntryRecord } from './records.js';

/**
 * Returns how many names an entry counts as in the limit of its creator: 1, plus 1 for each KiB of its record. Only
 * services with a launch rule, groups and entries with a scheduled change can have large records.
 */
export function nameUnits(record: EntryRecord): number {
  const mayBeLarge =
    record.kind === 'group' ||
    record.pending !== undefined ||
    (record.kind === 'service' && record.launch !== null);
  return mayBeLarge ? 1 + Math.floor(JSON.stringify(record).length / limits.bytesPerName) : 1;
}
