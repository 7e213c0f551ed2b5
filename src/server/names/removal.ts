/** Commands that end entries: at once, by force, or when their time has come. */
import { ClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import type { RemoveRequest } from '../../wire/messages.js';
import { unchanged, type Planned, type Surroundings } from './command.js';
import { held } from './holding.js';
import type { Change, EntryRecord } from './records.js';
import type { View } from './view.js';
import { place } from './walk.js';

/** Removes an entry, or with `recursive` all that is there and below. */
export function remove(view: View, request: RemoveRequest, { remaining }: Surroundings): Planned {
  const name = place(view, parseName(request.name));
  const found = view.entry(name) === undefined ? [] : [name];
  const below = [...view.below(name)];
  if (found.length + below.length === 0) throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}`);
  if (request.recursive !== true) refuseIfNeeded(view, name, below.length);
  const all = [...found, ...below];
  const holding = all.map((at) => {
    const { promiseMs, pending } = view.entry(at) as EntryRecord;
    return { at, ms: remaining(at, promiseMs), isFrozen: pending !== undefined && pending.kind !== 'vanish' };
  });
  const broken = holding.filter(({ ms, isFrozen }) => ms > 0 || isFrozen);
  if (broken.length === 0 || request.force === true)
    return { changes: endings(view, all), inMs: 0, name, broken: broken.map(({ at }) => at) };
  const frozen = broken.find(({ isFrozen }) => isFrozen);
  const last = broken.reduce((a, b) => (b.ms > a.ms ? b : a));
  if (frozen !== undefined) throw held(frozen.at, frozen.ms, true);
  if (request.whenExpired !== true) throw held(last.at, last.ms, false);
  // Each is frozen for itself, and all until the last promise is over: clients change over together.
  const changes = all.map((at): Change => {
    const record = { ...view.entry(at), pending: { kind: 'remove' } } as EntryRecord;
    return { kind: 'entry', name: at, record };
  });
  return { changes, inMs: last.ms, name };
}

/** Ends a service that nobody defined and nobody has run for long; if it was promised, when that is over. */
export function vanish(view: View, name: string, { remaining }: Surroundings): Planned {
  const entry = view.entry(name);
  if (entry?.kind !== 'service' || entry.defined || entry.pending !== undefined) return unchanged;
  if (view.endpointCount(name) > 0) return unchanged;
  const inMs = remaining(name, entry.promiseMs);
  if (inMs === 0) return { changes: endings(view, [name]), inMs };
  return {
    changes: [{ kind: 'entry', name, record: { ...entry, pending: { kind: 'vanish' } } }],
    inMs,
  };
}

/** Makes the change that a frozen entry waited for. */
export function complete(view: View, name: string): Planned {
  const pending = view.entry(name)?.pending;
  switch (pending?.kind) {
    case undefined:
      return unchanged;
    case 'become':
      return { changes: [{ kind: 'entry', name, record: pending.record }], inMs: 0 };
    case 'remove':
      return { changes: endings(view, [name]), inMs: 0 };
    case 'vanish':
      return { changes: view.endpointCount(name) > 0 ? [] : endings(view, [name]), inMs: 0 };
  }
}

/** Everything of these names goes. Their numbers are never given again. */
export function endings(view: View, names: readonly string[]): Change[] {
  const changes: Change[] = [];
  let { floor } = view;
  for (const name of names) {
    for (const { id } of view.endpoints(name))
      changes.push({ kind: 'endpoint', name, id, record: undefined });
    for (const id of view.fences(name).keys()) changes.push({ kind: 'fence', name, id, record: undefined });
    const counter = view.counter(name);
    if (counter !== undefined) {
      changes.push({ kind: 'counter', name, record: undefined });
      floor = Math.max(floor, counter.epoch);
    }
    changes.push({ kind: 'entry', name, record: undefined });
  }
  if (floor > view.floor) changes.push({ kind: 'floor', epoch: floor });
  return changes;
}

function refuseIfNeeded(view: View, name: string, below: number): void {
  const endpoints = view.endpointCount(name);
  if (endpoints + below === 0) return;
  const some = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const what = endpoints > 0 ? some(endpoints, 'endpoint') : `${some(below, 'name')} below it`;
  throw new ClerkError('FORBIDDEN', `${name} has ${what}; remove it with recursive if they are to go too`);
}
