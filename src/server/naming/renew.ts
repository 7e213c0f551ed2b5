import type { CallActivity } from '../../core/call-activity.js';
import type { Renewal, RenewRequest, RenewResponse } from '../../protocol/messages.js';
import type { HealthConsensus } from './health/health-consensus.js';
import { isVisiblySuspect } from './health/visible-health.js';
import type { Leases } from './leases.js';
import type { LoadReports } from './load-reports.js';
import type { Registration } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { tryResolveLinks } from './state/resolve-links.js';

export interface RenewDependencies {
  readonly state: NamingState;
  readonly leases: Leases;
  readonly loadReports: LoadReports;
  readonly consensus: HealthConsensus;
  /** Called for each successful renewal that states the calls of the service. */
  readonly onActivity: (id: string, activity: CallActivity) => void;
}

/**
 * Renews leases in memory, without a write to the store. The result `lost` asks the endpoint to register again. The
 * result `fenced` means that the registration was superseded or withdrawn. A renewal may name the service by a name
 * from before a move.
 *
 * @see [C5.6](../../../docs/guarantees.md#c5-6)
 */
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

/** Finds the registration of the instance `id` under any name that resolves to the service. */
export function findRegistration(state: NamingState, name: string, id: string): Registration | undefined {
  return state.endpoint(name, id) ?? state.endpoint(canonicalOf(state, name), id);
}

function renewOne(
  { state, leases, loadReports, consensus, onActivity }: RenewDependencies,
  registration: Registration | undefined,
  { name, id, epoch, load, activity, claimsHealthy }: Renewal,
  now: number,
): RenewResponse['results'][number] {
  if (registration?.epoch === epoch && !registration.isRemovalPending) {
    if (!registration.draining) {
      registration.expiresAt = now + registration.leaseMs;
      leases.track(registration);
      consensus.onRenewed(registration, claimsHealthy === true);
    }
    loadReports.record(registration, load);
    if (activity !== undefined) onActivity(id, activity);
    return 'renewed';
  }
  if (registration !== undefined) return registration.epoch > epoch ? 'fenced' : 'lost';
  const fence = state.fences(canonicalOf(state, name)).get(id);
  if (fence === undefined) return 'lost';
  return fence.epoch > epoch || (fence.withdrawn && fence.epoch === epoch) ? 'fenced' : 'lost';
}

function canonicalOf(state: NamingState, name: string): string {
  return tryResolveLinks(state, name)?.canonical ?? '';
}
