/** Renewals: not durable, and so not commands. A service goes on renewing under the name that it knows. @see promises C5.6 */
import { isClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import type { Renewal, RenewReply, RenewRequest } from '../../wire/messages.js';
import type { Judging } from './judging.js';
import type { Leases } from './leases.js';
import type { Loads } from './loads.js';
import type { Registration } from './place.js';
import { isShownSuspect } from './standing.js';
import type { Tables } from './tables.js';
import { walk } from './walk.js';

/** What renewals work on. */
export interface Renewing {
  readonly tables: Tables;
  readonly leases: Leases;
  readonly loads: Loads;
  readonly judging: Judging;
}

/** Renews leases from now on, or says why one cannot be, and which of them are suspect. */
export function renewedAll(
  world: Renewing,
  renewals: RenewRequest['renewals'],
  now: number,
): Pick<RenewReply, 'results' | 'suspects'> {
  const suspects: number[] = [];
  const results = renewals.map((renewal, index) => {
    const registration = registrationOf(world.tables, renewal.name, renewal.id);
    const word = renewed(world, registration, renewal, now);
    if (word === 'renewed' && registration !== undefined && isShownSuspect(registration))
      suspects.push(index);
    return word;
  });
  return { results, ...(suspects.length > 0 && { suspects }) };
}

/** The registration that somebody means who knows the service by this name. */
export function registrationOf(tables: Tables, name: string, id: string): Registration | undefined {
  return tables.endpoint(name, id) ?? tables.endpoint(canonicalOf(tables, name), id);
}

function renewed(
  { tables, leases, loads, judging }: Renewing,
  registration: Registration | undefined,
  { name, id, epoch, load, well }: Renewal,
  now: number,
): RenewReply['results'][number] {
  if (registration?.epoch === epoch && !registration.leaving) {
    if (!registration.draining) {
      registration.endsAt = now + registration.leaseMs;
      leases.keep(registration);
      judging.renewed(registration, well === true);
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
