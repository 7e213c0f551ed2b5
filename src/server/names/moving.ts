/** Moving an entry and all below it. A link is left at the old place, so nothing that was promised breaks. @see GNS G5 */
import { ClerkError } from '../../core/errors.js';
import { isName, parseName } from '../../core/name.js';
import { limits } from '../../wire/limits.js';
import type { MoveRequest } from '../../wire/messages.js';
import type { Planned, Surroundings } from './command.js';
import { held } from './holding.js';
import type { Change, EndpointRecord, EntryRecord } from './records.js';
import { hasBelow, type EndpointView, type View } from './view.js';
import { place } from './walk.js';

/** Moves a name with its endpoints, fencing numbers and everything below. */
export function move(view: View, request: MoveRequest, { remaining }: Surroundings): Planned {
  const from = place(view, parseName(request.from));
  const to = place(view, parseName(request.to));
  const own = view.entry(from);
  const all = [...(own === undefined ? [] : [from]), ...view.below(from)];
  if (all.length === 0) throw new ClerkError('NAME_NOT_FOUND', `There is no ${from}`);
  if (to === from || to.startsWith(`${from}/`))
    throw new ClerkError('FORBIDDEN', `${from} cannot move to ${to}, which is itself or below it`);
  if (view.entry(to) !== undefined || hasBelow(view, to))
    throw new ClerkError('FORBIDDEN', `${from} cannot move to ${to}: that name is taken; remove it first`);
  const changes: Change[] = [];
  for (const name of all) {
    const entry = view.entry(name) as EntryRecord;
    if (entry.pending !== undefined && entry.pending.kind !== 'vanish')
      throw held(name, remaining(name, entry.promiseMs), true);
    changes.push(...moved(view, name, to + name.slice(from.length), entry));
  }
  const promiseMs = own?.promiseMs ?? limits.defaultPromiseMs;
  changes.push({ kind: 'entry', name: from, record: { kind: 'link', target: to, promiseMs } });
  return { changes, inMs: 0, name: to };
}

/** What is new comes first, so that time which runs at the old name goes on at the new one. */
function moved(view: View, from: string, name: string, { pending: _, ...record }: EntryRecord): Change[] {
  if (!isName(name))
    throw new ClerkError('NAME_INVALID', `${from} cannot move to ${name}, which is too long for a name`);
  const changes: Change[] = [{ kind: 'entry', name, record: record as EntryRecord, from }];
  const counter = view.counter(from);
  if (counter !== undefined) changes.push({ kind: 'counter', name, record: counter });
  for (const [id, fence] of view.fences(from)) changes.push({ kind: 'fence', name, id, record: fence });
  for (const endpoint of view.endpoints(from))
    changes.push({ kind: 'endpoint', name, id: endpoint.id, record: recordOf(endpoint), from });
  for (const { id } of view.endpoints(from))
    changes.push({ kind: 'endpoint', name: from, id, record: undefined });
  for (const id of view.fences(from).keys())
    changes.push({ kind: 'fence', name: from, id, record: undefined });
  if (counter !== undefined) changes.push({ kind: 'counter', name: from, record: undefined });
  changes.push({ kind: 'entry', name: from, record: undefined });
  return changes;
}

function recordOf({ id, epoch, leaseMs, draining, by, text }: EndpointView): EndpointRecord {
  const { addresses } = (JSON.parse(text) as { endpoint: { addresses: string[] } }).endpoint;
  return { id, epoch, leaseMs, draining, by, addresses, text };
}
