import type { CallActivity } from '../../core/call-activity.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError } from '../../core/errors.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import type {
  MovedRenewal,
  Renewal,
  RenewRequest,
  RenewResponse,
} from '../../protocol/registration-messages.js';
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
import { followMoves, tryResolveLinks } from './state/resolve-links.js';

export interface RenewDependencies {
  readonly state: NamingState;
  readonly leases: Leases;
  readonly loadReports: LoadReports;
  readonly consensus: HealthConsensus;
  readonly hashing: Hashing;
  readonly onActivity: (id: string, activity: CallActivity) => void;
}

/**
 * Renews leases in memory, without a write to the store. The result `lost` means that the endpoint must register
 * again. The result `fenced` means that the registration was superseded or withdrawn, or that the secret is wrong. A
 * renewal may use an old name after a move; the response then contains the new name.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when a renewal lacks the secret of its registration, or comes from another
 *   principal. In this case no lease of the request is renewed.
 * @see [C5.6](../../../docs/guarantees.md#c5-6), [C5.8](../../../docs/guarantees.md#c5-8)
 */
export function renewLeases(
  deps: RenewDependencies,
  renewals: RenewRequest['renewals'],
  caller: Caller | undefined,
  now: number,
): Pick<RenewResponse, 'results' | 'suspects' | 'moved'> {
  const registrations = renewals.map(({ name, id }) => findRegistration(deps.state, name, id));
  if (isSecured(deps.state))
    for (const [index, { name, id }] of renewals.entries()) {
      const registration = registrations[index];
      const canonical = registration?.entry.name ?? canonicalOf(deps.state, name);
      if (!mayAdvertise(deps.state, caller, canonical, id, registration)) throw renewalForbidden(name, id);
    }
  checkSecrets(renewals, registrations);
  const suspects: number[] = [];
  const moved: MovedRenewal[] = [];
  const results = renewals.map((renewal, index) => {
    const registration = registrations[index];
    const result = renewOne(deps, registration, renewal, now);
    if (result !== 'renewed' || registration === undefined) return result;
    if (isVisiblySuspect(registration)) suspects.push(index);
    const presentName = presentNameOf(deps.state, renewal.name, registration);
    if (presentName !== renewal.name) moved.push({ index, name: presentName });
    deps.state.setRequestedName(registration, renewal.name);
    return result;
  });
  return {
    results,
    ...(suspects.length > 0 && { suspects }),
    ...(moved.length > 0 && { moved }),
  };
}

/**
 * Finds a registration by any name that resolves to its service. After a move, also finds it by the old name while the
 * service still uses that name, even if the link at the old name was removed.
 */
export function findRegistration(state: NamingState, name: string, id: string): Registration | undefined {
  const found = state.endpoint(name, id);
  if (found !== undefined) return found;
  const canonical = canonicalOf(state, name);
  return canonical === name ? state.requestedAs(name, id)?.[1] : state.endpoint(canonical, id);
}

/**
 * Returns the name that a service should use. Follows only links that moves have left, because a service may use
 * another link on purpose.
 */
function presentNameOf(state: NamingState, name: string, { entry }: Registration): string {
  if (name === entry.name) return name;
  const presentName = followMoves(state, name);
  if (presentName !== name) return presentName;
  return canonicalOf(state, name) === entry.name ? name : entry.name;
}

/** The error is the same for a name that does not exist, so that it does not reveal hidden names. */
function renewalForbidden(name: string, id: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `The lease of instance ${quote(id)} of ${name} can be renewed only by the principal that registered the instance, and this principal needs the right 'advertise' on ${name}`,
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
