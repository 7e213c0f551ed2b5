/** Commands that enrol a key. A retired or revoked key cannot be enrolled again. */
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

/** The message is the same for every reason, so that a refused caller learns nothing about principals and tokens. */
export function enrolmentRefused(): ClerkError {
  return new ClerkError(
    'TICKET_REFUSED',
    'The enrolment was refused: the token or ticket is unknown, expired or used, or belongs to another principal, or the key was enrolled before, or a key of a rotation is not valid; request a new token and create a new key',
  );
}

/**
 * Enrols the first key of a registry. Its principal becomes the operator, with all rights on all names.
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
    throw new ClerkError('FORBIDDEN', 'The registry already has an operator; use the key of that operator');
  return {
    changes: [
      keyChange(name, pin, { enrolledAt: wallNow(), by: 'init' }),
      { kind: 'access', directory: '/', triples: [operatorTriple(name)] },
    ],
    appliesInMs: 0,
  };
}

/** Returns the triple that grants all rights on all names. */
export function operatorTriple(principal: string): AccessTriple {
  return { principal, path: '**', rights: ['read', 'call', 'advertise', 'write', 'launch', 'admin'] };
}

/**
 * Enrols a key with a one-time token. A repeated request with the same key has no further effect.
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

/**
 * Enrols the key of a launched instance. The key is valid as long as the launch record exists. A repeated request
 * with the same key has no further effect.
 */
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
