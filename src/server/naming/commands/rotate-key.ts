import type { KeyPin } from '../../../core/key-pin.js';
import { isLive } from '../state/identity-view.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import { checkKeyCount, enrolmentRefused, isKnownKey, keyChange } from './enrol-key.js';
import type { Plan, PlanContext } from './naming-command.js';

/**
 * Time from a rotation until the old key is retired, in ms: the maximum lifetime of a ticket, 5 min, and 30 s of
 * clock difference.
 */
export const retirementMs = 330_000;

/** Number of retired keys that the registry stores per principal. A stored key cannot be enrolled again. */
const maxRetiredKeys = 64;

/**
 * Enrols a new key of a principal, and schedules the retirement of the old key. A repeated request with the same keys
 * has no further effect. A key with a scheduled retirement cannot be rotated to a third key.
 *
 * @throws {@link ClerkError} `TICKET_REFUSED`; `LIMIT_EXCEEDED` when the principal has 8 live keys
 */
export function rotateKey(
  view: NamingView,
  { principal, from, to }: { readonly principal: string; readonly from: KeyPin; readonly to: KeyPin },
  { wallNow }: PlanContext,
): Plan {
  const { identities } = view;
  const now = wallNow();
  const old = identities.key(from);
  const next = identities.key(to);
  if (old?.principal !== principal || !isLive(old, now) || from === to) throw enrolmentRefused();
  if (old.retiresAt !== undefined) {
    if (next?.principal !== principal || !isLive(next, now)) throw enrolmentRefused();
    return { changes: [], appliesInMs: 0, retiresAt: old.retiresAt };
  }
  if (isKnownKey(view, to)) throw enrolmentRefused();
  checkKeyCount(view, principal, now);
  const { enrolledAt, by } = old;
  const retiresAt = now + retirementMs;
  return {
    changes: [
      keyChange(principal, to, { enrolledAt: now, by: 'rotation' }),
      keyChange(principal, from, { enrolledAt, by, retiresAt }),
      ...forgottenKeys(view, principal, now),
    ],
    appliesInMs: 0,
    retiresAt,
  };
}

/** Returns the removals of the oldest retired keys above the limit. Revoked keys are never removed. */
function forgottenKeys({ identities }: NamingView, principal: string, now: number): StateChange[] {
  const retired = identities
    .keysOf(principal)
    .filter((key) => key.revokedAt === undefined && !isLive(key, now))
    .sort((a, b) => a.enrolledAt - b.enrolledAt);
  return retired
    .slice(0, Math.max(0, retired.length - maxRetiredKeys))
    .map(({ pin }) => ({ kind: 'key', name: principal, pin, record: undefined }));
}
