/** Renewals: not durable, and so not commands. A service goes on renewing under the name that it knows. @see promises C5.6 */
import { isClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import type { Renewal, RenewReply } from '../../wire/messages.js';
import type { Leases } from './leases.js';
import type { Loads } from './loads.js';
import type { Tables } from './tables.js';
import { walk } from './walk.js';

/** Renews one lease from now on, or says why it cannot be. */
export function renewed(
  tables: Tables,
  leases: Leases,
  loads: Loads,
  { name, id, epoch, load }: Renewal,
  now: number,
): RenewReply['results'][number] {
  const registration = tables.endpoint(name, id) ?? tables.endpoint(canonicalOf(tables, name), id);
  if (registration?.epoch === epoch && !registration.leaving) {
    if (!registration.draining) {
      registration.endsAt = now + registration.leaseMs;
      leases.keep(registration);
    }
    loads.note(registration, load);
    return 'renewed';
  }
  if (registration !== undefined) return registration.epoch > epoch ? 'fenced' : 'lost';
  const fence = tables.fence(canonicalOf(tables, name), id);
  if (fence === undefined) return 'lost';
  return fence.epoch > epoch || (fence.withdrawn && fence.epoch === epoch) ? 'fenced' : 'lost';
}

function canonicalOf(tables: Tables, name: string): string {
  try {
    return walk(tables, parseName(name)).canonical;
  } catch (error) {
    if (isClerkError(error)) return '';
    throw error;
  }
}
