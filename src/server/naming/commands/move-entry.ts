import { definedFields } from '../../../core/defined-fields.js';
import { ClerkError } from '../../../core/errors.js';
import { isName, parseName } from '../../../core/name.js';
import { limits } from '../../../protocol/limits.js';
import type { MoveRequest } from '../../../protocol/naming-messages.js';
import { compileTriple } from '../access/access-triple.js';
import type { Caller } from '../../ports.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import type { EndpointRecord, EntryRecord, StateChange } from '../state/records.js';
import { resolveParentLinks } from '../state/resolve-links.js';
import { checkChangeSize } from './change-size.js';
import { changeTooEarly } from './entries.js';
import { hasKnownDescendants, knownDescendants, requireAllKnown } from './hidden-names.js';
import type { Plan, PlanContext } from './naming-command.js';

/**
 * Moves a name, its endpoints and epochs, and all names below the name. The old name becomes a link to the new name.
 * Where the move creates a link, it needs the right `test` on all names below.
 *
 * @param caller - undefined in a registry that is not secured
 * @see [G5](../../../../docs/background.md#g5)
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
  const all = [...(own === undefined ? [] : [from]), ...knownDescendants(view, caller, from)];
  if (all.length === 0) throw new ClerkError('NAME_NOT_FOUND', `${from} does not exist`);
  if (to === from || to.startsWith(`${from}/`))
    throw new ClerkError(
      'FORBIDDEN',
      `${from} cannot move to itself or to a name below it; got ${to} as the new name`,
    );
  if (own?.kind !== 'link') requireAllKnown(view, caller, from, request.from);
  if (view.entry(to) !== undefined || hasKnownDescendants(view, caller, to))
    throw new ClerkError(
      'FORBIDDEN',
      `${from} cannot move to ${to}: ${to} exists; remove ${to} first, or choose another name`,
    );
  const changes: StateChange[] = [];
  for (const name of all) {
    const entry = view.entry(name) as EntryRecord;
    if (entry.pending !== undefined && entry.pending.kind !== 'expire')
      throw changeTooEarly(name, remainingGuaranteeMs(name, entry.guaranteedMs), true);
    const below = name.slice(from.length);
    changes.push(...moveChanges(view, name, to + below, entry));
    if (entry.kind === 'link') requireAllKnown(view, caller, to + below, request.to + below);
  }
  changes.push(...tripleMoves(view, from, to));
  const guaranteedMs = own?.guaranteedMs ?? limits.defaultGuaranteedMs;
  changes.push({ kind: 'entry', name: from, record: { kind: 'link', target: to, guaranteedMs } });
  return { changes, appliesInMs: 0, name: to };
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
function moveChanges(
  view: NamingView,
  from: string,
  name: string,
  { pending: _, ...record }: EntryRecord,
): StateChange[] {
  if (!isName(name))
    throw new ClerkError(
      'NAME_INVALID',
      `${from} cannot move to ${name}: the new name is too long; choose a shorter name`,
    );
  const changes: StateChange[] = [{ kind: 'entry', name, record: record as EntryRecord, movedFrom: from }];
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
  changes.push({ kind: 'entry', name: from, record: undefined });
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
