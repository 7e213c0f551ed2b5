/**
 * Decides which names below a name a caller may see. A change treats a name on which the caller lacks the right `test`
 * as absent, so no response reveals that name. A link hides all names below the link, and a move leaves a link.
 * Creating a link or moving a name therefore needs the right `test` on all names below it, even if there are none.
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

/** Yields the names below a name that the caller may see. The search ends after `maxChangedNames` hidden names. */
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
 * Requires the right `test` on all present and future names below a name.
 *
 * @param requested - the name in the request, which the error shows
 * @throws {@link ClerkError} `FORBIDDEN` without the right, even if no name is hidden, so that the error does not
 *   reveal whether a name is hidden
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
