import { implicitService } from './commands/define-entry.js';
import { epochMargin, incarnationAfter } from './registry-identity.js';
import { formatVersion, storeKeys } from './state/record-codec.js';
import type { EpochCounter } from './state/records.js';

/**
 * Repairs the records of a registry that has lost changes. A new incarnation separates the revisions before and after
 * the loss. All epoch counters are raised, so that no epoch is assigned twice. A missing service entry of an endpoint
 * is created. Unused tokens are cancelled.
 */
export function repairRecords(records: Map<string, string>, randomHex: (bytes: number) => string): void {
  const highest = highestEpochOf(records);
  for (const [key, value] of [...records]) {
    const [kind, name] = key.split(' ');
    const entryKey = `e ${name}`;
    if (kind === 'p' && !records.has(entryKey)) records.set(entryKey, JSON.stringify(implicitService));
    if (kind === 'c') {
      const counter = JSON.parse(value) as EpochCounter;
      records.set(key, JSON.stringify({ ...counter, epoch: counter.epoch + epochMargin }));
    }
  }
  for (const key of [...records.keys()]) {
    const [kind, name] = key.split(' ');
    // The lost changes may include the use of a token, so all tokens are cancelled.
    if (kind === 't' || ((kind === 'c' || kind === 'f') && !records.has(`e ${name}`))) records.delete(key);
  }
  records.set(storeKeys.epochFloor, String(highest + epochMargin));
  records.set(storeKeys.incarnation, incarnationAfter(records.get(storeKeys.incarnation) ?? '', randomHex));
  // The runs belong to the former incarnation.
  records.delete(storeKeys.runs);
  records.set(storeKeys.format, records.get(storeKeys.format) ?? String(formatVersion));
  records.set(storeKeys.revision, records.get(storeKeys.revision) ?? '0');
}

export function highestEpochOf(records: ReadonlyMap<string, string>): number {
  let highest = 0;
  for (const [key, value] of records) {
    if (key === storeKeys.epochFloor || key === storeKeys.epochBase)
      highest = Math.max(highest, Number(value));
    else if (key.startsWith('c ')) highest = Math.max(highest, (JSON.parse(value) as EpochCounter).epoch);
    else if (key.startsWith('p '))
      highest = Math.max(highest, (JSON.parse(value) as { endpoint: { epoch: number } }).endpoint.epoch);
  }
  return highest;
}
