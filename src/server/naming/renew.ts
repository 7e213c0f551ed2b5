/** Renewals: not durable, and so not commands. A service goes on renewing under the name that it knows. @see promises C5.6 */
import { isClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import type { Renewal, RenewResponse, RenewRequest } from '../../protocol/messages.js';
import type { HealthConsensus } from './health/health-consensus.js';
import type { Leases } from './leases.js';
import type { LoadReports } from './load-reports.js';
import type { Registration } from './state/name-entry.js';
import { isVisiblySuspect } from './health/visible-health.js';
import type { NamingState } from './state/naming-state.js';
import { resolveLinks } from './state/resolve-links.js';

/** What renewals work on. */
export interface RenewDependencies {
  readonly state: NamingState;
  readonly leases: Leases;
  readonly loadReports: LoadReports;
  readonly consensus: HealthConsensus;
}

/** Renews leases from now on, or says why one cannot be, and which of them are suspect. */
export function renewLeases(
  deps: RenewDependencies,
  renewals: RenewRequest['renewals'],
  now: number,
): Pick<RenewResponse, 'results' | 'suspects'> {
  const suspects: number[] = [];
  const results = renewals.map((renewal, index) => {
    const registration = findRegistration(deps.state, renewal.name, renewal.id);
    const result = renewOne(deps, registration, renewal, now);
    if (result === 'renewed' && registration !== undefined && isVisiblySuspect(registration))
      suspects.push(index);
    return result;
  });
  return { results, ...(suspects.length > 0 && { suspects }) };
}

/** The registration that somebody means who knows the service by this name. */
export function findRegistration(state: NamingState, name: string, id: string): Registration | undefined {
  return state.endpoint(name, id) ?? state.endpoint(canonicalOf(state, name), id);
}

function renewOne(
  { state, leases, loadReports, consensus }: RenewDependencies,
  registration: Registration | undefined,
  { name, id, epoch, load, claimsHealthy }: Renewal,
  now: number,
): RenewResponse['results'][number] {
  if (registration?.epoch === epoch && !registration.isRemovalPending) {
    if (!registration.draining) {
      registration.expiresAt = now + registration.leaseMs;
      leases.track(registration);
      consensus.onRenewed(registration, claimsHealthy === true);
    }
    loadReports.record(registration, load);
    return 'renewed';
  }
  if (registration !== undefined) return registration.epoch > epoch ? 'fenced' : 'lost';
  const fence = state.fence(canonicalOf(state, name), id);
  if (fence === undefined) return 'lost';
  return fence.epoch > epoch || (fence.withdrawn && fence.epoch === epoch) ? 'fenced' : 'lost';
}

function canonicalOf(state: NamingState, name: string): string {
  try {
    return resolveLinks(state, parseName(name)).canonical;
  } catch (error) {
    if (isClerkError(error)) return '';
    throw error;
  }
}
