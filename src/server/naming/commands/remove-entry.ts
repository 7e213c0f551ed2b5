/** Commands that end entries: at once, by force, or when their time has come. */
import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import type { RemoveRequest } from '../../../protocol/messages.js';
import { noChange, type Plan, type PlanContext } from './naming-command.js';
import { changeTooEarly } from './change-too-early.js';
import type { StateChange, EntryRecord } from '../state/records.js';
import type { NamingView } from '../state/naming-view.js';
import { resolveParentLinks } from '../state/resolve-links.js';

/** Removes an entry, or with `recursive` all that is there and below. */
export function remove(
  view: NamingView,
  request: RemoveRequest,
  { remainingGuaranteeMs }: PlanContext,
): Plan {
  const name = resolveParentLinks(view, parseName(request.name));
  const found = view.entry(name) === undefined ? [] : [name];
  const below = [...view.descendants(name)];
  if (found.length + below.length === 0) throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}`);
  if (request.recursive !== true) requireRecursive(view, name, below.length);
  const all = [...found, ...below];
  const guarantees = all.map((at) => {
    const { guaranteedMs, pending } = view.entry(at) as EntryRecord;
    return {
      at,
      ms: remainingGuaranteeMs(at, guaranteedMs),
      isFrozen: pending !== undefined && pending.kind !== 'vanish',
    };
  });
  const broken = guarantees.filter(({ ms, isFrozen }) => ms > 0 || isFrozen);
  if (broken.length === 0 || request.force === true)
    return {
      changes: removalChanges(view, all),
      inMs: 0,
      name,
      brokenGuarantees: broken.map(({ at }) => at),
    };
  const frozen = broken.find(({ isFrozen }) => isFrozen);
  const last = broken.reduce((a, b) => (b.ms > a.ms ? b : a));
  if (frozen !== undefined) throw changeTooEarly(frozen.at, frozen.ms, true);
  if (request.whenExpired !== true) throw changeTooEarly(last.at, last.ms, false);
  // Each is frozen for itself, and all until the last promise is over: clients change over together.
  const changes = all.map((at): StateChange => {
    const record = { ...view.entry(at), pending: { kind: 'remove' } } as EntryRecord;
    return { kind: 'entry', name: at, record };
  });
  return { changes, inMs: last.ms, name };
}

/** Ends a service that nobody defined and nobody has run for long; if it was promised, when that is over. */
export function expireService(view: NamingView, name: string, { remainingGuaranteeMs }: PlanContext): Plan {
  const entry = view.entry(name);
  if (entry?.kind !== 'service' || entry.defined || entry.pending !== undefined) return noChange;
  if (view.endpointCount(name) > 0) return noChange;
  const inMs = remainingGuaranteeMs(name, entry.guaranteedMs);
  if (inMs === 0) return { changes: removalChanges(view, [name]), inMs };
  return {
    changes: [{ kind: 'entry', name, record: { ...entry, pending: { kind: 'vanish' } } }],
    inMs,
  };
}

/** Makes the change that a frozen entry waited for. */
export function applyPending(view: NamingView, name: string): Plan {
  const pending = view.entry(name)?.pending;
  switch (pending?.kind) {
    case undefined:
      return noChange;
    case 'become':
      return { changes: [{ kind: 'entry', name, record: pending.record }], inMs: 0 };
    case 'remove':
      return { changes: removalChanges(view, [name]), inMs: 0 };
    case 'vanish':
      return { changes: view.endpointCount(name) > 0 ? [] : removalChanges(view, [name]), inMs: 0 };
  }
}

/** Everything of these names goes. Their numbers are never given again. */
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
  if (epochFloor > view.epochFloor) changes.push({ kind: 'floor', epoch: epochFloor });
  return changes;
}

function requireRecursive(view: NamingView, name: string, below: number): void {
  const endpoints = view.endpointCount(name);
  if (endpoints + below === 0) return;
  const some = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const what = endpoints > 0 ? some(endpoints, 'endpoint') : `${some(below, 'name')} below it`;
  throw new ClerkError('FORBIDDEN', `${name} has ${what}; remove it with recursive if they are to go too`);
}
