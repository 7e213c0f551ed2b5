/** Commands that enrol a key. A key that has ended is never enrolled again. */
import { ClerkError } from '../../../core/errors.js';
import type { KeyPin } from '../../../core/key-pin.js';
import { parseName } from '../../../core/name.js';
import type { LaunchEnrolRequest } from '../../../protocol/identity-messages.js';
import type { AccessTriple } from '../../ports.js';
import { isLive } from '../state/identity-view.js';
import type { NamingView } from '../state/naming-view.js';
import type { KeyRecord, StateChange } from '../state/records.js';
import { noChange, type Plan, type PlanContext } from './naming-command.js';

const maxLiveKeys = 8;

/** One message for every reason, so that a refusal reveals nothing about principals and tokens. */
export function enrolmentRefused(): ClerkError {
  return new ClerkError(
    'TICKET_REFUSED',
    'The enrolment was refused: the token or ticket is unknown, expired or used, or belongs to another principal, or the key is known already; request a new token and create a new key',
  );
}

/**
 * The operator gets all rights on all names.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when a key or a right exists
 */
export function enrolOperator(
  { identities }: NamingView,
  principal: string,
  pin: KeyPin,
  { wallNow }: PlanContext,
): Plan {
  const name = parseName(principal, 'Principal');
  const hasTriples = [...identities.directoriesWithTriples()].length > 0;
  if (identities.keyCount > 0 || hasTriples)
    throw new ClerkError('FORBIDDEN', 'The registry has an operator already; use the key of the operator');
  return {
    changes: [
      keyChange(name, pin, { enrolledAt: wallNow(), by: 'init' }),
      { kind: 'access', directory: '/', triples: [operatorTriple(name)] },
    ],
    appliesInMs: 0,
  };
}

/** All rights on all names. */
export function operatorTriple(principal: string): AccessTriple {
  return { principal, path: '**', rights: ['read', 'call', 'advertise', 'write', 'launch', 'admin'] };
}

/**
 * Repeatable by the same key.
 *
 * @param tokenDigest - SHA-256 of the token
 */
export function enrolWithToken(
  view: NamingView,
  principal: string,
  tokenDigest: string,
  pin: KeyPin,
  { wallNow }: PlanContext,
): Plan {
  const { identities } = view;
  const now = wallNow();
  const known = identities.key(pin);
  if (known?.principal === principal && isLive(known, now)) return noChange;
  const token = identities.token(tokenDigest);
  if (token?.principal !== principal || token.expiresAt <= now || isKnownKey(view, pin))
    throw enrolmentRefused();
  checkKeyCount(view, principal, now);
  return {
    changes: [
      { kind: 'token', digest: tokenDigest, record: undefined },
      keyChange(principal, pin, { enrolledAt: now, by: 'token' }),
    ],
    appliesInMs: 0,
  };
}

/** The key ends with the launch record. Repeatable by the same key. */
export function enrolLaunched(
  view: NamingView,
  { name, instance, epoch, ticket }: LaunchEnrolRequest,
  pin: KeyPin,
  { hashing }: PlanContext,
): Plan {
  const launch = view.launch(name, instance);
  const digest = hashing.sha256(ticket);
  const isTicket = hashing.timingSafeEqual(launch?.ticketHash ?? '', digest);
  if (launch === undefined || !isTicket || launch.epoch !== epoch) throw enrolmentRefused();
  if (launch.key === pin) return noChange;
  if (launch.key !== undefined || launch.redeemed || isKnownKey(view, pin)) throw enrolmentRefused();
  return {
    changes: [{ kind: 'launch', name, id: instance, record: { ...launch, key: pin } }],
    appliesInMs: 0,
  };
}

export function isKnownKey(view: NamingView, pin: KeyPin): boolean {
  return view.identities.key(pin) !== undefined || view.launchOfKey(pin) !== undefined;
}

export function checkKeyCount({ identities }: NamingView, principal: string, now: number): void {
  if (identities.keysOf(principal).filter((key) => isLive(key, now)).length < maxLiveKeys) return;
  throw new ClerkError(
    'LIMIT_EXCEEDED',
    `${principal} has ${maxLiveKeys} live keys, which is the maximum; revoke a key first`,
  );
}

export function keyChange(name: string, pin: KeyPin, record: KeyRecord): StateChange {
  return { kind: 'key', name, pin, record };
}
