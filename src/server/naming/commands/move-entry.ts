import { definedFields } from '../../../core/defined-fields.js';
import { ClerkError } from '../../../core/errors.js';
import { isName, isWithin, parseName } from '../../../core/name.js';
import { limits } from '../../../protocol/limits.js';
import type { MoveRequest } from '../../../protocol/naming-messages.js';
import { compileTriple } from '../access/access-triple.js';
import type { Caller } from '../../ports.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import type { EndpointRecord, EntryRecord, LinkRecord, StateChange } from '../state/records.js';
import { resolveParentLinks } from '../state/resolve-links.js';
import { checkChangeSize } from './change-size.js';
import { changeTooEarly } from './define-entry.js';
import { hasKnownDescendants, knownDescendants, requireAllKnown } from './hidden-names.js';
import type { Plan, PlanContext } from './naming-command.js';

/**
 * Moves a name with its endpoints, its epochs and all names below it. The old name becomes a link to the new name.
 * Links that earlier moves left are updated to the new name. A name can move back: the new name may be a link that
 * leads to the old name.
 *
 * A move needs no wait for guarantees, because each name still leads to the same service. The link at the old name
 * has the longest guarantee of all moved names. The caller needs the right `test` on all names below each link that
 * the move creates.
 *
 * @param caller - undefined in a registry that is not secured
 * @see [G5](../../../../docs/background.md#g5), [C1.2](../../../../docs/guarantees.md#c1-2)
 */
export function move(
  view: NamingView,
  request: MoveRequest,
  caller: Caller | undefined,
  { remainingGuaranteeMs }: PlanContext,
): Plan {
  const from = resolveParentLinks(view, parseName(request.from));
  const to = resolveParentLinks(view, parseName(request.to));
  checkChangeSize(view, from, 'move');
  const own = view.entry(from);
  const below = [...knownDescendants(view, caller, from)];
  const all = [...(own === undefined ? [] : [from]), ...below];
  if (all.length === 0) throw new ClerkError('NAME_NOT_FOUND', `${from} does not exist`);
  if (to === from || to.startsWith(`${from}/`))
    throw new ClerkError(
      'FORBIDDEN',
      `${from} cannot move to ${to}, which is the same name or below it; choose a new name outside ${from}`,
    );
  if (own?.kind !== 'link') requireAllKnown(view, caller, from, request.from);
  const taken = view.entry(to);
  const isBack = taken?.kind === 'link' && taken.target === from;
  if ((taken !== undefined && !isBack) || hasKnownDescendants(view, caller, to))
    throw new ClerkError(
      'FORBIDDEN',
      `${from} cannot move to ${to}: ${to} exists; remove ${to} first, or choose another name`,
    );
  for (const name of isBack ? [...all, to] : all) requireNotFrozen(view, name, remainingGuaranteeMs);
  const changes: StateChange[] = [];
  // A directory without an entry cannot replace the link at the new name, so the link is removed.
  if (isBack && own === undefined) changes.push({ kind: 'entry', name: to, record: undefined });
  for (const name of all) {
    const newName = to + name.slice(from.length);
    const entry = view.entry(name) as EntryRecord;
    changes.push(...moveChanges(view, name, newName, movedRecord(entry, from, to, name === from)));
    if (entry.kind === 'link') requireAllKnown(view, caller, newName, request.to + name.slice(from.length));
  }
  // If the old name becomes another service later, that service does not reuse these epochs.
  const epoch = Math.max(...all.map((name) => view.counter(name)?.epoch ?? 0));
  if (epoch > view.epochFloor) changes.push({ kind: 'epoch-floor', epoch });
  changes.push(...tripleMoves(view, from, to));
  const guaranteedMs = all.reduce(
    (longest, name) => Math.max(longest, view.entry(name)?.guaranteedMs ?? 0),
    own === undefined ? limits.defaultGuaranteedMs : 0,
  );
  const left: LinkRecord = { kind: 'link', target: to, moved: true, guaranteedMs };
  changes.push({ kind: 'entry', name: from, record: left, standsFor: below });
  for (const name of below) changes.push({ kind: 'entry', name, record: undefined });
  const moved = new Set([...all, to]);
  for (const name of view.movedLinksTo(from)) {
    const record = view.entry(name);
    if (record?.kind === 'link' && !moved.has(name))
      changes.push({
        kind: 'entry',
        name,
        record: { ...record, target: to + record.target.slice(from.length) },
      });
  }
  return { changes, appliesInMs: 0, name: to };
}

function requireNotFrozen(
  view: NamingView,
  name: string,
  remainingGuaranteeMs: PlanContext['remainingGuaranteeMs'],
): void {
  const entry = view.entry(name);
  if (entry?.pending === undefined || entry.pending.kind === 'expire') return;
  throw changeTooEarly(name, remainingGuaranteeMs(name, entry), true);
}

/**
 * Returns the record of an entry at its new name. Updates the target of a link that an earlier move left. If such a
 * link itself is moved, it becomes an ordinary link.
 */
function movedRecord(
  { pending: _, ...entry }: EntryRecord,
  from: string,
  to: string,
  isItself: boolean,
): EntryRecord {
  if (entry.kind !== 'link' || entry.moved !== true) return entry;
  const { moved: _moved, ...link } = entry;
  if (isItself) return link;
  return isWithin(link.target, from) ? { ...entry, target: to + link.target.slice(from.length) } : entry;
}

/**
 * Returns the changes that move the rights of a directory and of the directories below it.
 *
 * @throws {@link ClerkError} `NAME_INVALID` when a relative principal would lead above the root
 */
function tripleMoves({ identities }: NamingView, from: string, to: string): StateChange[] {
  const changes: StateChange[] = [];
  for (const directory of identities.directoriesWithTriples()) {
    if (directory !== from && !directory.startsWith(`${from}/`)) continue;
    const moved = to + directory.slice(from.length);
    const triples = [...identities.triplesIn(moved), ...identities.triplesIn(directory)].map(
      ({ triple }) => triple,
    );
    for (const triple of triples) compileTriple(moved, triple);
    changes.push({ kind: 'access', directory: moved, triples }, { kind: 'access', directory, triples: [] });
  }
  return changes;
}

/** The new records come first, because they copy leases and guarantees from the old records. */
function moveChanges(view: NamingView, from: string, name: string, record: EntryRecord): StateChange[] {
  if (!isName(name))
    throw new ClerkError(
      'NAME_INVALID',
      `${from} cannot move to ${name}: the new name is too long; choose a shorter name`,
    );
  const changes: StateChange[] = [{ kind: 'entry', name, record, movedFrom: from }];
  const counter = view.counter(from);
  if (counter !== undefined) changes.push({ kind: 'counter', name, record: counter });
  for (const [id, fence] of view.fences(from)) changes.push({ kind: 'fence', name, id, record: fence });
  for (const endpoint of view.endpoints(from))
    changes.push({ kind: 'endpoint', name, id: endpoint.id, record: recordOf(endpoint), movedFrom: from });
  for (const { id } of view.endpoints(from))
    changes.push({ kind: 'endpoint', name: from, id, record: undefined });
  for (const id of view.fences(from).keys())
    changes.push({ kind: 'fence', name: from, id, record: undefined });
  if (counter !== undefined) changes.push({ kind: 'counter', name: from, record: undefined });
  return changes;
}

function recordOf({
  id,
  epoch,
  leaseMs,
  draining,
  principal,
  json,
  displaced,
}: EndpointView): EndpointRecord {
  const { addresses } = (JSON.parse(json) as { endpoint: { addresses: string[] } }).endpoint;
  return {
    ...{ id, epoch, leaseMs, draining, principal, addresses, json },
    ...definedFields({ displaced }),
  };
}
