/**
 * What a client may know of the names below a name. A change treats a name without the right `test` as absent, so that
 * no response shows whether it exists. A link hides every name below it, and a move leaves a link. They need the right to
 * know all names below, whether or not there are any.
 *
 * @see [C7.4](../../../../docs/guarantees.md#c7-4)
 */
import { parseGlob } from '../../../core/glob.js';
import { limits } from '../../../protocol/limits.js';
import type { Caller } from '../../ports.js';
import { accessViewOf } from '../access/access-view.js';
import { callerAccess, forbidden, hasRightOnAll } from '../access/caller-access.js';
import type { NamingView } from '../state/naming-view.js';
import { isSecured } from './authorize.js';

/** Yields the names below a name that the caller may know of. Hidden names beyond a maximum end the search. */
export function* knownDescendants(
  view: NamingView,
  caller: Caller | undefined,
  name: string,
): IterableIterator<string> {
  const hidesNames = isSecured(view);
  const access = accessViewOf(view);
  let hidden = 0;
  for (const each of view.descendants(name))
    if (!hidesNames || callerAccess(access, caller, each, 'test') !== undefined) yield each;
    else if (++hidden > limits.maxChangedNames) return;
}

export function hasKnownDescendants(view: NamingView, caller: Caller | undefined, name: string): boolean {
  for (const _ of knownDescendants(view, caller, name)) return true;
  return false;
}

/**
 * Requires that no name below a name is hidden from the caller, now or later.
 *
 * @param requested - the name as the client has written it, for the error
 * @throws {@link ClerkError} `FORBIDDEN`, whether or not there is a hidden name
 */
export function requireAllKnown(
  view: NamingView,
  caller: Caller | undefined,
  name: string,
  requested: string,
): void {
  if (isSecured(view) && !hasRightOnAll(accessViewOf(view), caller, parseGlob(`${name}/**`), 'test'))
    throw forbidden(caller, `${requested}/**`, 'test');
}
