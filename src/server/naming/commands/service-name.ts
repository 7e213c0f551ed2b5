import type { Hashing } from '../../../protocol/launch-proof.js';
import type { RegisterRequest } from '../../../protocol/registration-messages.js';
import type { NamingView } from '../state/naming-view.js';
import { secretHashOf } from '../state/record-codec.js';
import { resolveLinks } from '../state/resolve-links.js';
import { isHolder } from './instance-holder.js';

/**
 * Returns the canonical name of the registration of an instance. After a move, a service may still send its old name.
 * In this case, the registration is found by the old name, even if the link at the old name was removed.
 *
 * @throws {@link ClerkError} `NAME_NOT_FOUND` when the links in the name form a cycle
 */
export function serviceNameOf(
  view: NamingView,
  requestedName: string,
  { id, epoch, secret }: Pick<RegisterRequest, 'id' | 'epoch' | 'secret'>,
  hashing: Hashing,
): string {
  const { canonical } = resolveLinks(view, requestedName);
  if (canonical !== requestedName || epoch === undefined || view.endpoint(canonical, id) !== undefined)
    return canonical;
  const [name, held] = view.requestedAs(requestedName, id) ?? [];
  if (name === undefined || held?.epoch !== epoch) return canonical;
  return isHolder(hashing, secretHashOf(held.json), secret) ? name : canonical;
}
