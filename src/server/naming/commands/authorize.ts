/**
 * Checks whether the caller of a change has the required rights. An open registry, in which no key was ever enrolled,
 * skips these checks. The checks run while the change is planned, so they see the same links and rights as the
 * change.
 */
import { ClerkError } from '../../../core/errors.js';
import { parseGlob } from '../../../core/glob.js';
import { parseName } from '../../../core/name.js';
import type { MoveRequest } from '../../../protocol/naming-messages.js';
import type { Caller } from '../../ports.js';
import { accessViewOf } from '../access/access-view.js';
import { callerAccess, forbidden, hasRightOnAll } from '../access/caller-access.js';
import { isLive } from '../state/identity-view.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import { tryResolveParentLinks } from '../state/resolve-links.js';
import type { NamingCommand, Plan, PlanContext } from './naming-command.js';

export function isSecured({ identities }: NamingView): boolean {
  return identities.keyCount > 0;
}

/** @throws {@link ClerkError} `FORBIDDEN` in an open registry, because a right has no effect there */
export function requireSecured(view: NamingView, what: string): void {
  if (isSecured(view)) return;
  throw new ClerkError(
    'FORBIDDEN',
    `The registry must be secured before it can store ${what}; secure the registry with clerk init`,
  );
}

/**
 * Checks that the key of the caller is still live. The key may have been revoked since the server accepted the
 * request.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID`
 */
export function requireLiveKey(view: NamingView, command: NamingCommand, { wallNow }: PlanContext): void {
  if (!isSecured(view) || !('caller' in command) || command.caller?.pin === undefined) return;
  const { principal, pin } = command.caller;
  const key = view.identities.key(pin);
  if (key?.principal === principal && isLive(key, wallNow())) return;
  if (view.launchOfKey(pin)?.name === principal) return;
  throw new ClerkError('IDENTITY_INVALID', `Key ${pin} of ${principal} is no longer valid; enrol a new key`);
}

/**
 * Requires the right `write` on the names of a request. Runs before the change is planned, so a refusal does not show
 * whether the names exist.
 *
 * @throws {@link ClerkError} `FORBIDDEN`
 */
export function authorizeRequest(view: NamingView, command: NamingCommand): void {
  if (!isSecured(view)) return;
  switch (command.kind) {
    case 'define':
    case 'link':
    case 'directory':
    case 'cancel':
    case 'remove':
    case 'group':
      requireWrite(view, command.caller, command.request.name);
      return;
    case 'move':
      requireWrite(view, command.caller, command.request.from);
      requireWrite(view, command.caller, command.request.to);
      return;
    default:
      return;
  }
}

/**
 * Requires the right `write` on every name that a planned change touches. Requires the right `admin` on all names of
 * each directory whose rights the change moves.
 *
 * @throws {@link ClerkError} `FORBIDDEN`
 */
export function authorizePlan(view: NamingView, command: NamingCommand, { changes }: Plan): void {
  if (!isSecured(view)) return;
  switch (command.kind) {
    case 'define':
    case 'link':
    case 'directory':
    case 'cancel':
    case 'remove':
    case 'group':
    case 'move':
      break;
    default:
      return;
  }
  const { caller } = command;
  const access = accessViewOf(view);
  // Entries are checked before rights, so a caller that may not change a name does not learn whether rights exist on
  // it.
  for (const change of changes) {
    if (change.kind !== 'entry' || leadsToTheSame(view, command, change)) continue;
    if (callerAccess(access, caller, change.name, 'write') === undefined)
      throw forbidden(caller, `every name that the change of ${requestedName(command)} touches`, 'write');
  }
  for (const change of changes) {
    if (change.kind !== 'access') continue;
    const path = parseGlob(change.directory === '/' ? '/**' : `${change.directory}/**`);
    if (!hasRightOnAll(access, caller, path, 'admin')) throw forbidden(caller, path.text, 'admin');
  }
}

/** Whether a move only updates a link that an earlier move left. Such a link still leads to the same entry. */
function leadsToTheSame(
  view: NamingView,
  { kind }: NamingCommand,
  { name, record }: Extract<StateChange, { readonly kind: 'entry' }>,
): boolean {
  if (kind !== 'move' || record?.kind !== 'link' || record.moved !== true) return false;
  const before = view.entry(name);
  return before?.kind === 'link' && before.moved === true;
}

/** The error shows only names of the request, because the caller may not read the others. */
function requestedName({ request }: { readonly request: MoveRequest | { readonly name: string } }): string {
  return 'from' in request ? request.from : request.name;
}

export function requireWrite(view: NamingView, caller: Caller | undefined, name: string): void {
  const requested = parseName(name);
  // If links form a cycle, the right on the requested name is checked. The plan rejects the cycle later.
  const target = tryResolveParentLinks(view, requested) ?? requested;
  if (callerAccess(accessViewOf(view), caller, target, 'write') === undefined)
    throw forbidden(caller, requested, 'write');
}
