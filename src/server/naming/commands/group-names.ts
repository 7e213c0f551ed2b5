/**
 * A name belongs to a principal or to a group, never to both. Otherwise a client with the right `write` could create
 * a group with the name of a principal. All members of the group would get the rights of the principal.
 */
import { ClerkError } from '../../../core/errors.js';
import type { Caller } from '../../ports.js';
import { accessViewOf } from '../access/access-view.js';
import { callerAccess, forbidden, hasRightOnAll } from '../access/caller-access.js';
import type { NamingView } from '../state/naming-view.js';
import type { Plan } from './naming-command.js';

/**
 * Checks every group that a planned change creates or moves.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when the name of the group belongs to a principal with a key or a token.
 *   Also when the name already has rights that the caller may not grant, or is a member of a group that the caller
 *   may not change.
 */
export function checkGroupNames(view: NamingView, { changes }: Plan, caller: Caller | undefined): void {
  for (const change of changes) {
    if (change.kind !== 'entry' || change.record?.kind !== 'group') continue;
    if (view.entry(change.name)?.kind === 'group') continue;
    if (isPrincipal(view, change.name))
      throw new ClerkError(
        'FORBIDDEN',
        `${change.name} is the name of a principal and cannot become a group; choose another name`,
      );
    checkRightsOf(view, change.name, caller);
    checkGroupsOf(view, change.name, caller);
  }
}

/**
 * Requires the right `admin` on all names on which the future group has rights. A name can have rights before a
 * principal with this name is enrolled. The error hides the paths of the rights, because the caller may not see them.
 */
function checkRightsOf(view: NamingView, name: string, caller: Caller | undefined): void {
  const access = accessViewOf(view);
  for (const directory of view.identities.directoriesWithTriples())
    for (const { principal, path } of view.identities.triplesIn(directory))
      if (principal.isExact && principal.text === name && !hasRightOnAll(access, caller, path, 'admin'))
        throw forbidden(caller, `all names on which the future group ${name} has rights`, 'admin');
}

/**
 * Requires the right `write` on all groups that have the future group as a member. A name can be a member before a
 * principal with this name is enrolled. The error hides the names of the groups, because the caller may not see them.
 */
function checkGroupsOf(view: NamingView, name: string, caller: Caller | undefined): void {
  const access = accessViewOf(view);
  for (const group of view.groupsOf(name))
    if (callerAccess(access, caller, group, 'write') === undefined)
      throw forbidden(caller, `all groups that have the future group ${name} as a member`, 'write');
}

/** @throws {@link ClerkError} `FORBIDDEN` when a group has the name */
export function requireNoGroup(view: NamingView, principal: string): void {
  if (view.entry(principal)?.kind !== 'group') return;
  throw new ClerkError(
    'FORBIDDEN',
    `${principal} is the name of a group and cannot become a principal; choose another name`,
  );
}

/** A principal with revoked keys counts too, because it may still have rights. */
function isPrincipal({ identities }: NamingView, name: string): boolean {
  if (identities.keysOf(name).length > 0) return true;
  for (const [, token] of identities.tokens()) if (token.principal === name) return true;
  return false;
}
