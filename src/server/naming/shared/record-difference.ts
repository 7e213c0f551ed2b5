import { storeKeys } from '../state/record-codec.js';
import type { StateChange } from '../state/records.js';
import { decodeSharedRecord, sharedKeys } from './batch-content.js';

/** Key letters of records that belong to a service. These records are removed before the service and set after it. */
const ownedKinds = 'pfcsh';

/** Returns the changes that turn the records of `present` into the records of `next`. */
export function recordDifference(
  present: ReadonlyMap<string, string>,
  next: ReadonlyMap<string, string>,
): readonly StateChange[] {
  const removed: StateChange[] = [];
  const removedEntries: StateChange[] = [];
  const entries: StateChange[] = [];
  const owned: StateChange[] = [];
  const add = (list: StateChange[], key: string, value: string | undefined): void => {
    const change = decodeSharedRecord({ key, value });
    if (change !== undefined) list.push(change);
  };
  for (const [key, value] of present) {
    if (next.has(key)) continue;
    if (key[0] === 'e') add(removedEntries, key, undefined);
    else if (key[0] === sharedKeys.status) removed.push(healthyAgain(key, value));
    else add(removed, key, undefined);
  }
  for (const [key, value] of next) {
    if (present.get(key) === value || key === storeKeys.revision) continue;
    add(ownedKinds.includes(key[0] as string) ? owned : entries, key, value);
  }
  // A registration is set before its holder and its status, because both refer to it.
  owned.sort((a, b) => Number(isLate(a)) - Number(isLate(b)));
  return [...removed, ...removedEntries, ...entries, ...owned];
}

function isLate({ kind }: StateChange): boolean {
  return kind === 'holder' || kind === 'status';
}

function healthyAgain(key: string, value: string): StateChange {
  const change = decodeSharedRecord({ key, value }) as Extract<StateChange, { readonly kind: 'status' }>;
  return { ...change, status: 'healthy' };
}
