/** Decides which caller may register, renew and withdraw an instance in a secured registry. */
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import type { Caller } from '../../ports.js';
import { accessViewOf } from '../access/access-view.js';
import { callerAccess, forbidden } from '../access/caller-access.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { isSecured } from './authorize.js';

/**
 * Whether a caller may register, renew or withdraw an instance. The instance must have no registration, or one by the
 * same principal, or one from before the registry was secured. The key of a launched instance is valid for that
 * instance only.
 */
function isOwner({ principal, instance }: Caller, id: string, current: EndpointView | undefined): boolean {
  if (instance !== undefined && instance.id !== id) return false;
  return current === undefined || !current.principal.startsWith('/') || current.principal === principal;
}

export function mayAdvertise(
  view: NamingView,
  caller: Caller | undefined,
  name: string,
  id: string,
  current: EndpointView | undefined,
): boolean {
  if (!isSecured(view)) return true;
  if (caller === undefined || callerAccess(accessViewOf(view), caller, name, 'advertise') === undefined)
    return false;
  return isOwner(caller, id, current);
}

/**
 * @param name - canonical name
 * @param requestedName - name in the request. The error shows this name, so that it does not reveal the target of a
 *   link.
 * @throws {@link ClerkError} `FORBIDDEN` without the right `advertise`, or when another principal has registered the
 *   instance
 * @see [A13](../../../../docs/guarantees.md#a13)
 */
export function requireOwner(
  view: NamingView,
  caller: Caller | undefined,
  name: string,
  requestedName: string,
  id: string,
  current: EndpointView | undefined,
): void {
  if (!isSecured(view)) return;
  if (callerAccess(accessViewOf(view), caller, name, 'advertise') === undefined)
    throw forbidden(caller, requestedName, 'advertise');
  if (caller !== undefined && isOwner(caller, id, current)) return;
  throw new ClerkError(
    'FORBIDDEN',
    caller?.instance === undefined
      ? `Instance ${quote(id)} of ${requestedName} was registered by another principal; choose another id`
      : `The key of instance ${quote(caller.instance.id)} is not valid for instance ${quote(id)} of ${requestedName}, which is another instance or was registered by another principal; use a key of that instance`,
  );
}

/**
 * The key of a launched instance registers only with the epoch of its launch.
 *
 * @throws {@link ClerkError} `FORBIDDEN`
 */
export function checkLaunchedEpoch(
  { instance }: Caller,
  { epoch }: { readonly epoch?: number },
  name: string,
): void {
  if (instance === undefined || epoch === instance.epoch) return;
  throw new ClerkError(
    'FORBIDDEN',
    `Instance ${quote(instance.id)} of ${name} must register with epoch ${instance.epoch}, the epoch of its launch; got ${epoch ?? 'none'}`,
  );
}
