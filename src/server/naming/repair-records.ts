import { implicitService } from './commands/entries.js';
import { formatVersion, storeKeys } from './state/record-codec.js';
import type { EpochCounter } from './state/records.js';

/** More epochs than the lost changes can have assigned. */
const epochMargin = 1_000_000;

/**
 * Repairs the records of a registry that has lost changes. A new incarnation prevents clients from comparing
 * revisions from before and after the loss. The epoch counters rise, so that no epoch is assigned twice. Each
 * endpoint gets the entry of its service.
 *
 * @param incarnation - id of the new incarnation
 */
export function repairRecords(records: Map<string, string>, incarnation: string): void {
  let highest = Number(records.get(storeKeys.epochFloor) ?? 0);
  for (const [key, value] of [...records]) {
    const [kind, name] = key.split(' ');
    const entryKey = `e ${name}`;
    if (kind === 'p' && !records.has(entryKey)) records.set(entryKey, JSON.stringify(implicitService));
    if (kind === 'c') {
      const counter = JSON.parse(value) as EpochCounter;
      highest = Math.max(highest, counter.epoch);
      records.set(key, JSON.stringify({ ...counter, epoch: counter.epoch + epochMargin }));
    }
    if (kind === 'p')
      highest = Math.max(highest, (JSON.parse(value) as { endpoint: { epoch: number } }).endpoint.epoch);
  }
  for (const key of [...records.keys()]) {
    const [kind, name] = key.split(' ');
    if ((kind === 'c' || kind === 'f') && !records.has(`e ${name}`)) records.delete(key);
  }
  records.set(storeKeys.epochFloor, String(highest + epochMargin));
  records.set(storeKeys.incarnation, incarnation);
  records.set(storeKeys.format, records.get(storeKeys.format) ?? String(formatVersion));
  records.set(storeKeys.revision, records.get(storeKeys.revision) ?? '0');
}
