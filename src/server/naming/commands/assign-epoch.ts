/**
 * Decides the epoch of a registration. The registry assigns epochs; a request cannot choose one. A process with the
 * secret or the addresses of a live registration can replace it. Any other process can replace it only when the current
 * process is suspect and has missed a renewal.
 *
 * @see [C5.6](../../../../docs/guarantees.md#c5-6), [C5.8](../../../../docs/guarantees.md#c5-8)
 */
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import type { RegisterRequest } from '../../../protocol/registration-messages.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { secretHashOf } from '../state/record-codec.js';
import type { DisplacedHolder, Fence, StateChange } from '../state/records.js';
import { epochCounterOf, supersededError } from './fencing.js';
import {
  isDisplacedHolder,
  isHolder,
  isSamePlace,
  isSilent,
  renewedAt,
  untilSilentMs,
  validDisplacedHolder,
} from './instance-holder.js';
import type { PlanContext } from './naming-command.js';

export interface RegistrationClaim {
  readonly name: string;
  readonly request: RegisterRequest;
  readonly endpoint: EndpointMessage;
  /** Whether the request has redeemed a launch ticket, which states the epoch. */
  readonly isLaunched: boolean;
  readonly newSecret: string;
}

export interface AssignedEpoch {
  readonly epoch: number;
  readonly secret: string;
  readonly secretHash: string;
  readonly displaced?: DisplacedHolder | undefined;
  readonly changes: readonly StateChange[];
}

interface Decision {
  /** Whether the registration continues with the epoch and the secret of the request. */
  readonly isResumed: boolean;
  readonly displaced?: DisplacedHolder | undefined;
}

/**
 * Returns the epoch and the secret of a registration. A request with the secret of the present registration keeps
 * both. A launched instance gets the epoch of its launch and a new secret. Any other request gets the next epoch of
 * the name and a new secret.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the epoch is not a positive integer
 * @throws {@link ClerkError} `FORBIDDEN` when the instance has a newer epoch or has withdrawn this epoch.
 *   `remainingMs` is 0 when the same request succeeds without an epoch. When another process uses the id,
 *   `remainingMs` is the time after which the id is free, unless that process renews its lease.
 */
export function assignEpoch(view: NamingView, claim: RegistrationClaim, context: PlanContext): AssignedEpoch {
  const { name, request, isLaunched, newSecret } = claim;
  const { id } = request;
  checkEpoch(name, request.epoch);
  const counter = epochCounterOf(view, name);
  const fence = view.fences(name).get(id);
  const current = view.endpoint(name, id);
  const decision = isLaunched
    ? decideLaunched(claim, current, fence)
    : current === undefined
      ? decideEnded(claim, fence, context)
      : decideLive(claim, current, context);
  const { isResumed, displaced } = decision;
  const epoch = isResumed || isLaunched ? (request.epoch as number) : counter.epoch + 1;
  // Registrations of old releases have no secret. Such a registration gets one when it resumes.
  const secret = (isResumed && request.secret) || newSecret;
  const changes: StateChange[] = [];
  if (epoch > counter.epoch || view.counter(name) === undefined)
    changes.push({ kind: 'counter', name, record: { epoch: Math.max(epoch, counter.epoch) } });
  // The registration now stores the newest epoch of the instance, so the fence is obsolete.
  if (fence !== undefined) changes.push({ kind: 'fence', name, id, record: undefined });
  return { epoch, secret, secretHash: context.hashing.sha256(secret), displaced, changes };
}

function decideLaunched(
  { name, request: { id, epoch = 0 } }: RegistrationClaim,
  current: EndpointView | undefined,
  fence: Fence | undefined,
): Decision {
  const last = current ?? fence;
  if (last !== undefined && epoch < last.epoch) throw supersededError(name, id, last.epoch);
  if (last?.epoch === epoch && hasWithdrawn(current, fence)) throw withdrawnError(name, id, epoch);
  return { isResumed: false };
}

function decideEnded(
  { name, request: { id, epoch, secret } }: RegistrationClaim,
  fence: Fence | undefined,
  { hashing, now }: PlanContext,
): Decision {
  if (epoch === undefined) return { isResumed: false };
  if (fence === undefined || epoch > fence.epoch) throw unknownEpochError(name, id, epoch);
  if (epoch < fence.epoch) {
    if (!isDisplacedHolder(hashing, fence, { epoch, secret }, now()))
      throw supersededError(name, id, fence.epoch);
    return { isResumed: false, displaced: fence.displaced };
  }
  if (fence.withdrawn) throw withdrawnError(name, id, epoch);
  if (!isHolder(hashing, fence.secretHash, secret)) throw unknownEpochError(name, id, epoch);
  return { isResumed: true };
}

function decideLive(
  { name, request: { id, epoch, secret }, endpoint }: RegistrationClaim,
  current: EndpointView,
  { hashing, now }: PlanContext,
): Decision {
  const at = now();
  const samePlace = isSamePlace(current, endpoint);
  if (epoch !== undefined && epoch < current.epoch) {
    if (!isDisplacedHolder(hashing, current, { epoch, secret }, at))
      throw supersededError(name, id, current.epoch);
    return { isResumed: false, displaced: current.displaced };
  }
  if (epoch === current.epoch) {
    if (current.draining) throw withdrawnError(name, id, epoch);
    if (isHolder(hashing, secretHashOf(current.json), secret))
      return { isResumed: true, displaced: current.displaced };
  }
  if (epoch !== undefined && !(epoch === current.epoch && samePlace))
    throw unknownEpochError(name, id, epoch);
  if (current.draining || isSilent(current, at)) return { isResumed: false };
  if (samePlace) return { isResumed: false, displaced: displacedBy(current, at) };
  throw heldError(name, current, untilSilentMs(current, at));
}

/**
 * Returns the process that may take the instance back. If several processes replaced each other in a row, this is the
 * first one.
 */
function displacedBy(current: EndpointView, at: number): DisplacedHolder | undefined {
  const { epoch, leaseMs, json } = current;
  const secretHash = secretHashOf(json);
  if (secretHash === undefined) return undefined;
  return validDisplacedHolder(current, at) ?? { epoch, secretHash, until: renewedAt(current, at) + leaseMs };
}

function hasWithdrawn(current: EndpointView | undefined, fence: Fence | undefined): boolean {
  return current === undefined ? fence?.withdrawn === true : current.draining;
}

function checkEpoch(name: string, epoch: number | undefined): void {
  if (epoch === undefined || (Number.isSafeInteger(epoch) && epoch >= 1)) return;
  throw new ClerkError(
    'CONFIG_INVALID',
    `The epoch of a registration of ${name} must be a positive integer; got ${epoch}`,
  );
}

function withdrawnError(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `Instance ${quote(id)} of ${name} has withdrawn epoch ${epoch}; register without an epoch to get a new epoch`,
  );
}

function unknownEpochError(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `A registration of instance ${quote(id)} of ${name} with epoch ${epoch} must have the secret that belongs to this epoch; register without an epoch to get a new epoch`,
    { remainingMs: 0 },
  );
}

function heldError(name: string, { id, json }: EndpointView, remainingMs: number): ClerkError {
  const { addresses } = (JSON.parse(json) as { endpoint: EndpointMessage }).endpoint;
  const seconds = (remainingMs / 1_000).toFixed(1);
  return new ClerkError(
    'FORBIDDEN',
    `Instance ${quote(id)} of ${name} is in use by the process at ${addresses.join(', ')}. Give each process its own id. If the process that uses the id now has ended, the id is free in ${seconds} s`,
    { remainingMs },
  );
}
