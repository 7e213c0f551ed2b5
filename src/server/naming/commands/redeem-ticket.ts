import { definedFields } from '../../../core/defined-fields.js';
import { ClerkError } from '../../../core/errors.js';
import type { KeyPin } from '../../../core/key-pin.js';
import { launchProof, type Hashing } from '../../../protocol/launch-proof.js';
import type { RegisterRequest } from '../../../protocol/registration-messages.js';
import type { LaunchRecord } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import { tryResolveLinks } from '../state/resolve-links.js';

/**
 * Redeems the one-time ticket of an instance that the launcher has started.
 *
 * @param canonical - name of the registration, after links were followed
 * @param pin - key of the connection; undefined in a registry that is not secured
 * @throws {@link ClerkError} `TICKET_REFUSED` when the ticket is unknown, already redeemed, or issued for another
 *   instance or epoch
 * @throws {@link ClerkError} `NAME_MISMATCH` when the ticket was issued for another service
 * @see [T9](../../../../docs/background.md#t9), [C6.2](../../../../docs/guarantees.md#c6-2)
 */
export function redeemTicket(
  view: NamingView,
  { ticket = '', id, epoch, addresses, hostId }: RegisterRequest,
  canonical: string,
  pin: KeyPin | undefined,
  hashing: Hashing,
): { readonly record: LaunchRecord; readonly proof: string } {
  const hash = hashing.sha256(ticket);
  let record: LaunchRecord | undefined;
  for (const launch of view.launches()) if (hashing.timingSafeEqual(launch.ticketHash, hash)) record = launch;
  if (
    record === undefined ||
    record.redeemed ||
    record.instance !== id ||
    record.epoch !== epoch ||
    record.key !== pin
  )
    throw new ClerkError(
      'TICKET_REFUSED',
      `The ticket for ${canonical} was refused: the ticket is unknown, was already used, or belongs to another instance, epoch or key; let the launcher start the service again`,
    );
  // A ticket stays valid after a move of the service, because the old name is a link to the new name.
  if (record.name !== canonical && tryResolveLinks(view, record.name)?.canonical !== canonical)
    throw new ClerkError(
      'NAME_MISMATCH',
      `The ticket is for ${record.name}; got a registration of ${canonical}; register the service under ${record.name}, the name that the launcher passed`,
    );
  const proof = launchProof(hashing, record.registryKey, record.name, record.epoch);
  return {
    record: { ...record, redeemed: true, registryKey: '', addresses, ...definedFields({ hostId }) },
    proof,
  };
}
