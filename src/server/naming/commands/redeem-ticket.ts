import { ClerkError, isClerkError } from '../../../core/errors.js';
import { launchProof, type Hashing } from '../../../protocol/launch-proof.js';
import type { RegisterRequest } from '../../../protocol/messages.js';
import type { LaunchRecord } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import { resolveLinks } from '../state/resolve-links.js';

/**
 * Redeems the one-time ticket of a launched service. Returns the redeemed launch record, and the proof that the
 * registry sends back.
 *
 * @param canonical - the name that is registered
 * @throws {@link ClerkError} `TICKET_REFUSED` when the ticket is unknown, already redeemed or issued to another
 *   instance; `NAME_MISMATCH` when it was issued for another service
 * @see [T9](../../../../docs/background.md#t9), [C6.2](../../../../docs/guarantees.md#c6-2)
 */
export function redeemTicket(
  view: NamingView,
  { ticket = '', id, epoch }: RegisterRequest,
  canonical: string,
  hashing: Hashing,
): { readonly record: LaunchRecord; readonly proof: string } {
  const hash = hashing.sha256(ticket);
  let record: LaunchRecord | undefined;
  for (const launch of view.launches()) if (hashing.timingSafeEqual(launch.ticketHash, hash)) record = launch;
  if (record === undefined || record.redeemed || record.instance !== id || record.epoch !== epoch)
    throw new ClerkError(
      'TICKET_REFUSED',
      `The ticket for ${canonical} was refused: it is unknown, was already used, or belongs to another instance`,
    );
  if (!resolvesTo(view, record.name, canonical))
    throw new ClerkError(
      'NAME_MISMATCH',
      `The ticket is for ${record.name}; got a registration of ${canonical}; register under the name that the launcher passed`,
    );
  const proof = launchProof(hashing, record.registryKey, record.name, record.epoch);
  return { record: { ...record, redeemed: true, registryKey: '' }, proof };
}

/** A service that moved since its start resolves through the link at its old name. */
function resolvesTo(view: NamingView, name: string, canonical: string): boolean {
  if (name === canonical) return true;
  try {
    return resolveLinks(view, name).canonical === canonical;
  } catch (error) {
    if (isClerkError(error)) return false;
    throw error;
  }
}
