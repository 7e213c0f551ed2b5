/**
 * Rights that a change needs. A registry in which a key was enrolled checks every change of a client. The checks run in
 * the plan of the change, so links and rights are those of the moment at which the change applies.
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
import { tryResolveParentLinks } from '../state/resolve-links.js';
import type { NamingCommand, Plan, PlanContext } from './naming-command.js';

export function isSecured({ identities }: NamingView): boolean {
  return identities.keyCount > 0;
}

/** @throws {@link ClerkError} `FORBIDDEN` in a registry without identities, where a right would count only later */
export function requireSecured(view: NamingView, what: string): void {
  if (isSecured(view)) return;
  throw new ClerkError(
    'FORBIDDEN',
    `The registry must be secured to hold ${what}; secure the registry first`,
  );
}

/**
 * Requires that the key of the caller is live. The key may have been revoked after the request was accepted.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID`
 */
export function requireLiveKey(view: NamingView, command: NamingCommand, { wallNow }: PlanContext): void {
  if (!isSecured(view) || !('caller' in command) || command.caller?.pin === undefined) return;
  const { principal, pin } = command.caller;
  const key = view.identities.key(pin);
  if (key?.principal === principal && isLive(key, wallNow())) return;
  if (view.launchOfKey(pin)?.name === principal) return;
  throw new ClerkError(
    'IDENTITY_INVALID',
    `Key ${pin} of ${principal} is not valid any more; enrol a new key`,
  );
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
 * Requires the right `write` on every name that a planned change touches, and the right `admin` on moved rights.
 *
 * @throws {@link ClerkError} `FORBIDDEN`
 */
export function authorizePlan(view: NamingView, command: NamingCommand, { changes }: Plan): void {
  if (!isSecured(view)) return;
  switch (command.kind) {
    case 'define':
    case 'link':
    case 'directory':
    case 'remove':
    case 'group':
    case 'move':
      break;
    default:
      return;
  }
  const { caller } = command;
  const access = accessViewOf(view);
  for (const change of changes) {
    if (change.kind === 'entry' && callerAccess(access, caller, change.name, 'write') === undefined)
      throw forbidden(caller, `every name that the change of ${requestedName(command)} touches`, 'write');
    if (change.kind !== 'access') continue;
    const path = parseGlob(change.directory === '/' ? '/**' : `${change.directory}/**`);
    if (!hasRightOnAll(access, caller, path, 'admin')) throw forbidden(caller, path.text, 'admin');
  }
}

/** The error must not show a name that the caller has not named. */
function requestedName({ request }: { readonly request: MoveRequest | { readonly name: string } }): string {
  return 'from' in request ? request.from : request.name;
}

export function requireWrite(view: NamingView, caller: Caller | undefined, name: string): void {
  const requested = parseName(name);
  // The plan rejects a name whose links form a cycle, after the right on the name itself was checked.
  const target = tryResolveParentLinks(view, requested) ?? requested;
  if (callerAccess(accessViewOf(view), caller, target, 'write') === undefined)
    throw forbidden(caller, requested, 'write');
}
