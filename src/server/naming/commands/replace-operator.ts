import { ClerkError } from '../../../core/errors.js';
import type { KeyPin } from '../../../core/key-pin.js';
import { parseName } from '../../../core/name.js';
import type { AccessTriple } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import { checkKeyCount, isKnownKey, keyChange, operatorTriple } from './enrol-key.js';
import type { Plan, PlanContext } from './naming-command.js';
import { revocationOf } from './revoke-key.js';

/**
 * Enrols another key of the operator. Restores rights of the operator that another operator has removed.
 *
 * @param revokeOthers - whether to revoke all other keys of the operator and to remove its unused tokens
 * @throws {@link ClerkError} `FORBIDDEN` when the registry has no key yet, or the key was enrolled before;
 *   `LIMIT_EXCEEDED` when the operator has 8 live keys
 */
export function replaceOperator(
  view: NamingView,
  principal: string,
  pin: KeyPin,
  revokeOthers: boolean,
  { wallNow }: PlanContext,
): Plan {
  const name = parseName(principal, 'Principal');
  const now = wallNow();
  if (view.identities.keyCount === 0)
    throw new ClerkError('FORBIDDEN', 'The registry has no operator yet; run clerk init first');
  if (isKnownKey(view, pin))
    throw new ClerkError('FORBIDDEN', `Key ${pin} was enrolled before; create a new key`);
  const revoked = revokeOthers ? revocationOf(view, name, undefined, now) : { changes: [], pins: [] };
  if (!revokeOthers) checkKeyCount(view, name, now);
  return {
    changes: [
      ...revoked.changes,
      keyChange(name, pin, { enrolledAt: now, by: 'init' }),
      ...restoredRights(view, name),
    ],
    appliesInMs: 0,
    pins: revoked.pins,
  };
}

function restoredRights({ identities }: NamingView, principal: string): StateChange[] {
  const own = operatorTriple(principal);
  const isOwn = (triple: AccessTriple): boolean =>
    triple.principal === own.principal && triple.path === own.path;
  const present = identities.triplesIn('/').map(({ triple }) => triple);
  const rights = present.find(isOwn)?.rights ?? [];
  if (own.rights.every((right) => rights.includes(right))) return [];
  const triples = [...present.filter((triple) => !isOwn(triple)), own];
  return [{ kind: 'access', directory: '/', triples }];
}
