/**
 * A name is that of a principal or that of a group, never both. A triple for a name, or a group with this member, would
 * otherwise give the rights of a principal to all members of a group that a client with the right `write` creates.
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
 * @throws {@link ClerkError} `FORBIDDEN` when a key or a token of a principal has the name of the group, or the name has
 *   rights or is a member already, and the caller could not give these rights or add this member
 */
export function checkGroupNames(view: NamingView, { changes }: Plan, caller: Caller | undefined): void {
  for (const change of changes) {
    if (change.kind !== 'entry' || change.record?.kind !== 'group') continue;
    if (view.entry(change.name)?.kind === 'group') continue;
    if (isPrincipal(view, change.name))
      throw new ClerkError(
        'FORBIDDEN',
        `${change.name} is the name of a principal, and cannot become a group; choose another name`,
      );
    checkRightsOf(view, change.name, caller);
    checkGroupsOf(view, change.name, caller);
  }
}

/** The rights may be meant for a principal that will be enrolled later. The error does not name their paths. */
function checkRightsOf(view: NamingView, name: string, caller: Caller | undefined): void {
  const access = accessViewOf(view);
  for (const directory of view.identities.directoriesWithTriples())
    for (const { principal, path } of view.identities.triplesIn(directory))
      if (principal.isExact && principal.text === name && !hasRightOnAll(access, caller, path, 'admin'))
        throw forbidden(caller, `all names on which ${name} has rights, to make it a group`, 'admin');
}

/** The member may be a principal that will be enrolled later. The error does not name the groups. */
function checkGroupsOf(view: NamingView, name: string, caller: Caller | undefined): void {
  const access = accessViewOf(view);
  for (const group of view.groupsOf(name))
    if (callerAccess(access, caller, group, 'write') === undefined)
      throw forbidden(caller, `all groups that have the member ${name}, to make it a group`, 'write');
}

/** @throws {@link ClerkError} `FORBIDDEN` when a group has the name */
export function requireNoGroup(view: NamingView, principal: string): void {
  if (view.entry(principal)?.kind !== 'group') return;
  throw new ClerkError(
    'FORBIDDEN',
    `${principal} is the name of a group, and cannot become a principal; choose another name`,
  );
}

/** A principal whose keys were revoked counts too, because its rights may still stand. */
function isPrincipal({ identities }: NamingView, name: string): boolean {
  if (identities.keysOf(name).length > 0) return true;
  for (const [, token] of identities.tokens()) if (token.principal === name) return true;
  return false;
}
