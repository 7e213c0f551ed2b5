import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import type { CancelRequest } from '../../../protocol/naming-messages.js';
import type { Caller } from '../../ports.js';
import { hasDescendants, type NamingView } from '../state/naming-view.js';
import type { EntryRecord, StateChange } from '../state/records.js';
import { resolveParentLinks } from '../state/resolve-links.js';
import { checkChangeSize } from './change-size.js';
import { knownDescendants } from './hidden-names.js';
import type { Plan } from './naming-command.js';

/**
 * Cancels the scheduled change of an entry. With `recursive`, also cancels the scheduled changes of all entries below
 * that entry that the caller may see. The entries stay unchanged.
 *
 * @param caller - undefined in a registry that is not secured
 * @throws {@link ClerkError} `NAME_NOT_FOUND` when there is no entry, or no change is scheduled
 */
export function cancelChange(
  view: NamingView,
  { name: requested, recursive = false }: CancelRequest,
  caller: Caller | undefined,
): Plan {
  const name = resolveParentLinks(view, parseName(requested));
  if (recursive) checkChangeSize(view, name, 'cancel');
  const changes: StateChange[] = [];
  for (const each of [name, ...(recursive ? knownDescendants(view, caller, name) : [])]) {
    const { pending, ...record } = view.entry(each) ?? {};
    if (pending === undefined || pending.kind === 'expire') continue;
    changes.push({ kind: 'entry', name: each, record: record as EntryRecord });
  }
  if (changes.length > 0) return { changes, appliesInMs: 0, name };
  if (view.entry(name) === undefined && !hasDescendants(view, name))
    throw new ClerkError('NAME_NOT_FOUND', `${requested} does not exist`);
  throw new ClerkError(
    'NAME_NOT_FOUND',
    `No change of ${name}${recursive ? ` or of a name below it` : ''} is scheduled; list the scheduled changes with clerk status`,
  );
}
