import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import type { RemoveRequest } from '../../../protocol/naming-messages.js';
import type { Caller } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import type { EntryRecord, StateChange } from '../state/records.js';
import { resolveParentLinks } from '../state/resolve-links.js';
import { checkChangeSize } from './change-size.js';
import { changeTooEarly } from './define-entry.js';
import { knownDescendants } from './hidden-names.js';
import { noChange, type Plan, type PlanContext } from './naming-command.js';

/** Maximum number of names below a name that are counted for an error message. */
const maxCounted = 1_000;

/**
 * Removes a name. With `recursive`, also removes the endpoints of the name and all names below it that the caller may
 * see. Names below it that the caller may not see stay.
 *
 * @param caller - undefined in a registry that is not secured
 */
export function remove(
  view: NamingView,
  request: RemoveRequest,
  caller: Caller | undefined,
  { remainingGuaranteeMs }: PlanContext,
): Plan {
  const name = resolveParentLinks(view, parseName(request.name));
  if (request.recursive === true) checkChangeSize(view, name, 'remove');
  const found = view.entry(name) === undefined ? [] : [name];
  const below: string[] = [];
  for (const each of knownDescendants(view, caller, name)) {
    // Without `recursive`, names below are only counted for the error.
    if (request.recursive !== true && below.length >= maxCounted) break;
    below.push(each);
  }
  if (found.length + below.length === 0) throw new ClerkError('NAME_NOT_FOUND', `${name} does not exist`);
  if (request.recursive !== true) requireRecursive(view, name, below.length);
  const all = [...found, ...below];
  const guarantees = all.map((each) => {
    const record = view.entry(each) as EntryRecord;
    return {
      name: each,
      remainingMs: remainingGuaranteeMs(each, record),
      isFrozen: record.pending !== undefined && record.pending.kind !== 'expire',
    };
  });
  const broken = guarantees.filter(({ remainingMs, isFrozen }) => remainingMs > 0 || isFrozen);
  if (broken.length === 0 || request.force === true)
    return {
      changes: removalChanges(view, all),
      appliesInMs: 0,
      name,
      brokenGuarantees: broken.map((each) => each.name),
    };
  const frozen = broken.find(({ isFrozen }) => isFrozen);
  const longest = broken.reduce((a, b) => (b.remainingMs > a.remainingMs ? b : a));
  if (frozen !== undefined) throw changeTooEarly(frozen.name, frozen.remainingMs, true);
  if (request.whenExpired !== true) throw changeTooEarly(longest.name, longest.remainingMs, false);
  // All entries are frozen, and are removed together when the longest guarantee has ended.
  const changes = all.map((each): StateChange => {
    const record = { ...view.entry(each), pending: { kind: 'remove' } } as EntryRecord;
    return { kind: 'entry', name: each, record };
  });
  return { changes, appliesInMs: longest.remainingMs, name };
}

/**
 * Removes an implicit service without endpoints. If the guarantee of the service has not ended, the removal is
 * scheduled for the end of the guarantee.
 */
export function expireService(view: NamingView, name: string, { remainingGuaranteeMs }: PlanContext): Plan {
  const entry = view.entry(name);
  if (entry?.kind !== 'service' || entry.defined || entry.pending !== undefined) return noChange;
  if (view.endpointCount(name) > 0) return noChange;
  const appliesInMs = remainingGuaranteeMs(name, entry);
  if (appliesInMs === 0) return { changes: removalChanges(view, [name]), appliesInMs };
  return {
    changes: [{ kind: 'entry', name, record: { ...entry, pending: { kind: 'expire' } } }],
    appliesInMs,
  };
}

/**
 * Applies the pending change of an entry whose guarantee has ended. A pending `expire` has no effect if the service
 * has a new endpoint.
 */
export function applyPending(view: NamingView, name: string): Plan {
  const pending = view.entry(name)?.pending;
  switch (pending?.kind) {
    case undefined:
      return noChange;
    case 'replace':
      return { changes: [{ kind: 'entry', name, record: pending.record }], appliesInMs: 0 };
    case 'remove':
      return { changes: removalChanges(view, [name]), appliesInMs: 0 };
    case 'expire':
      return { changes: view.endpointCount(name) > 0 ? [] : removalChanges(view, [name]), appliesInMs: 0 };
  }
}

/**
 * Returns the changes that remove entries with their endpoints, fences and counters. Raises the epoch floor of the
 * registry to the highest epoch of the removed names, so that no epoch is assigned twice.
 */
export function removalChanges(view: NamingView, names: readonly string[]): StateChange[] {
  const changes: StateChange[] = [];
  let { epochFloor } = view;
  for (const name of names) {
    for (const { id } of view.endpoints(name))
      changes.push({ kind: 'endpoint', name, id, record: undefined });
    for (const id of view.fences(name).keys()) changes.push({ kind: 'fence', name, id, record: undefined });
    const counter = view.counter(name);
    if (counter !== undefined) {
      changes.push({ kind: 'counter', name, record: undefined });
      epochFloor = Math.max(epochFloor, counter.epoch);
    }
    changes.push({ kind: 'entry', name, record: undefined });
  }
  if (epochFloor > view.epochFloor) changes.push({ kind: 'epoch-floor', epoch: epochFloor });
  return changes;
}

function requireRecursive(view: NamingView, name: string, below: number): void {
  const endpoints = view.endpointCount(name);
  if (endpoints + below === 0) return;
  const some = (count: number, noun: string): string =>
    `${count}${count === maxCounted ? ' or more' : ''} ${noun}${count === 1 ? '' : 's'}`;
  const what = endpoints > 0 ? some(endpoints, 'endpoint') : `${some(below, 'name')} below it`;
  throw new ClerkError(
    'FORBIDDEN',
    `${name} has ${what}; pass recursive to remove ${name} with its endpoints and all names below it`,
  );
}
