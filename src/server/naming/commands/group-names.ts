/**
 * A name is that of a principal or that of a group, never both. A triple for a name would otherwise give the rights of a
 * principal to all members of a group that a client with the right `write` creates.
 */
import { ClerkError } from '../../../core/errors.js';
import type { NamingView } from '../state/naming-view.js';
import type { Plan } from './naming-command.js';

/**
 * Checks every group that a planned change creates or moves.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when a key or a token of a principal has the name of the group
 */
export function checkGroupNames(view: NamingView, { changes }: Plan): void {
  for (const change of changes) {
    if (change.kind !== 'entry' || change.record?.kind !== 'group') continue;
    if (view.entry(change.name)?.kind === 'group' || !isPrincipal(view, change.name)) continue;
    throw new ClerkError(
      'FORBIDDEN',
      `${change.name} is the name of a principal, and cannot become a group; choose another name`,
    );
  }
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
