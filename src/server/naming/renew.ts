import type { CallActivity } from '../../core/call-activity.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError } from '../../core/errors.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import type { Renewal, RenewRequest, RenewResponse } from '../../protocol/registration-messages.js';
import type { Caller } from '../ports.js';
import { isSecured } from './commands/authorize.js';
import { mayAdvertise } from './commands/registration-owner.js';
import { isDisplacedHolder, isHolder } from './commands/instance-holder.js';
import type { HealthConsensus } from './health/health-consensus.js';
import { isVisiblySuspect } from './health/visible-health.js';
import type { Leases } from './leases.js';
import type { LoadReports } from './load-reports.js';
import type { Registration } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { secretHashOf } from './state/record-codec.js';
import { tryResolveLinks } from './state/resolve-links.js';

export interface RenewDependencies {
  readonly state: NamingState;
  readonly leases: Leases;
  readonly loadReports: LoadReports;
  readonly consensus: HealthConsensus;
  readonly hashing: Hashing;
  readonly onActivity: (id: string, activity: CallActivity) => void;
}

/**
 * Renews leases in memory, without a write to the store. The result `lost` asks the endpoint to register again. The
 * result `fenced` means that the registration was superseded or withdrawn, or that the secret is wrong. A renewal may
 * name the service by a name from before a move.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when a renewal lacks the secret of its registration, or comes from another
 *   principal; no lease is then renewed
 * @see [C5.6](../../../docs/guarantees.md#c5-6), [C5.8](../../../docs/guarantees.md#c5-8)
 */
export function renewLeases(
  deps: RenewDependencies,
  renewals: RenewRequest['renewals'],
  caller: Caller | undefined,
  now: number,
): Pick<RenewResponse, 'results' | 'suspects'> {
  const registrations = renewals.map(({ name, id }) => findRegistration(deps.state, name, id));
  if (isSecured(deps.state))
    for (const [index, { name, id }] of renewals.entries()) {
      const registration = registrations[index];
      const canonical = registration?.entry.name ?? canonicalOf(deps.state, name);
      if (!mayAdvertise(deps.state, caller, canonical, id, registration)) throw renewalForbidden(name, id);
    }
  checkSecrets(renewals, registrations);
  const suspects: number[] = [];
  const results = renewals.map((renewal, index) => {
    const registration = registrations[index];
    const result = renewOne(deps, registration, renewal, now);
    if (result === 'renewed' && registration !== undefined && isVisiblySuspect(registration))
      suspects.push(index);
    return result;
  });
  return { results, ...(suspects.length > 0 && { suspects }) };
}

/** Accepts any name that resolves to the service. */
export function findRegistration(state: NamingState, name: string, id: string): Registration | undefined {
  return state.endpoint(name, id) ?? state.endpoint(canonicalOf(state, name), id);
}

/** The message is the same for a name that does not exist. */
function renewalForbidden(name: string, id: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `The renewal of instance ${quote(id)} of ${name} must come from the principal that registered it, with the right advertise`,
  );
}

function checkSecrets(
  renewals: RenewRequest['renewals'],
  registrations: readonly (Registration | undefined)[],
): void {
  for (const [index, { name, id, epoch, secret }] of renewals.entries()) {
    const registration = registrations[index];
    if (secret !== undefined || registration?.epoch !== epoch) continue;
    if (secretHashOf(registration.json) === undefined) continue;
    throw new ClerkError(
      'FORBIDDEN',
      `The renewal of instance ${quote(id)} of ${name} must have the secret that the registration returned; got none`,
    );
  }
}

function renewOne(
  { state, leases, loadReports, consensus, hashing, onActivity }: RenewDependencies,
  registration: Registration | undefined,
  { name, id, epoch, secret, load, activity, servedAgoMs, claimsHealthy }: Renewal,
  now: number,
): RenewResponse['results'][number] {
  if (registration?.epoch === epoch && !registration.isRemovalPending) {
    if (!isHolder(hashing, secretHashOf(registration.json), secret)) return 'fenced';
    if (!registration.draining) {
      registration.expiresAt = now + registration.leaseMs;
      leases.track(registration);
      registration.countsCalls = servedAgoMs !== undefined;
      consensus.onRenewed(registration, claimsHealthy === true, servedAgoMs);
    }
    loadReports.record(registration, load);
    if (activity !== undefined) onActivity(id, activity);
    return 'renewed';
  }
  const fence = registration === undefined ? state.fences(canonicalOf(state, name)).get(id) : undefined;
  const last = registration ?? fence;
  if (last === undefined || isDisplacedHolder(hashing, last, { epoch, secret }, now)) return 'lost';
  if (registration !== undefined) return registration.epoch > epoch ? 'fenced' : 'lost';
  if (fence === undefined) return 'lost';
  return fence.epoch > epoch || (fence.withdrawn && fence.epoch === epoch) ? 'fenced' : 'lost';
}

function canonicalOf(state: NamingState, name: string): string {
  return tryResolveLinks(state, name)?.canonical ?? '';
}
