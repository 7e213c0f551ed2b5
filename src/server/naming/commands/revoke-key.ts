import { ClerkError } from '../../../core/errors.js';
import { parsePin, type KeyPin } from '../../../core/key-pin.js';
import { parseName } from '../../../core/name.js';
import type { RevokeRequest } from '../../../protocol/identity-messages.js';
import type { Caller, LaunchRecord } from '../../ports.js';
import { accessViewOf } from '../access/access-view.js';
import { requireAccess } from '../access/caller-access.js';
import type { KeyView } from '../state/identity-view.js';
import type { NamingView } from '../state/naming-view.js';
import { keyOfEndpoint } from '../state/record-codec.js';
import type { StateChange } from '../state/records.js';
import { keyChange } from './enrol-key.js';
import { formerKeyRemovals } from './former-key.js';
import { fenceOf, fenceOff } from './fencing.js';
import type { Plan, PlanContext } from './naming-command.js';

/**
 * Revokes one key of a principal, or all keys together with the unused tokens. Removes the endpoints that were
 * registered with the keys. The record of a revoked key stays, so that the key cannot be enrolled again.
 *
 * @throws {@link ClerkError} `FORBIDDEN` without the right `admin` on the principal, or when the caller would revoke
 *   its own key; `NAME_NOT_FOUND` when the principal has no such key
 */
export function revokeKeys(
  view: NamingView,
  { principal, key }: RevokeRequest,
  caller: Caller,
  { wallNow }: PlanContext,
): Plan {
  const name = parseName(principal, 'Principal');
  const pin = key === undefined ? undefined : parsePin(key, 'Key');
  requireAccess(accessViewOf(view), caller, name, 'admin');
  const { changes, pins } = revocationOf(view, name, pin, wallNow());
  if (pins.length === 0)
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} has no ${pin === undefined ? 'key' : `key ${pin}`}; list the keys with clerk identity ls`,
    );
  if (caller.pin !== undefined && pins.includes(caller.pin))
    throw new ClerkError(
      'FORBIDDEN',
      `Key ${caller.pin} cannot be revoked, because it is the key of this request; rotate the key first, or send the request with another key`,
    );
  return { changes, appliesInMs: 0, pins };
}

/** @param pin - undefined: all keys, together with the unused tokens */
export function revocationOf(
  view: NamingView,
  name: string,
  pin: KeyPin | undefined,
  now: number,
): { readonly changes: readonly StateChange[]; readonly pins: readonly KeyPin[] } {
  const isMeant = (candidate: string | undefined): boolean =>
    candidate !== undefined && (pin === undefined || candidate === pin);
  const keys = view.identities
    .keysOf(name)
    .filter((each) => each.revokedAt === undefined && isMeant(each.pin));
  const launches = [...view.launches()].filter((launch) => launch.name === name && isMeant(launch.key));
  const pins = [...keys.map((each) => each.pin), ...launches.map((launch) => launch.key as string)];
  return {
    changes: [
      ...revocations(keys, now),
      ...launches.map(withoutKey),
      ...(pin === undefined ? tokenRemovals(view, name) : []),
      ...endpointRemovals(view, name, pins),
      ...formerKeyRemovals(view, name, (former, own = '') => pins.includes(former) && !pins.includes(own)),
    ],
    pins,
  };
}

function revocations(keys: readonly KeyView[], revokedAt: number): StateChange[] {
  return keys.map(({ principal, pin, enrolledAt, by, retiresAt }) =>
    keyChange(principal, pin, { enrolledAt, by, retiresAt, revokedAt }),
  );
}

/** Marks the ticket as redeemed, so that it cannot enrol another key. */
function withoutKey({ key: _, ...launch }: LaunchRecord): StateChange {
  const { name, instance } = launch;
  return { kind: 'launch', name, id: instance, record: { ...launch, redeemed: true, registryKey: '' } };
}

function tokenRemovals({ identities }: NamingView, principal: string): StateChange[] {
  const changes: StateChange[] = [];
  for (const [digest, token] of identities.tokens())
    if (token.principal === principal) changes.push({ kind: 'token', digest, record: undefined });
  return changes;
}

function endpointRemovals(view: NamingView, principal: string, pins: readonly KeyPin[]): StateChange[] {
  const changes: StateChange[] = [];
  const fences = new Map<string, Parameters<typeof fenceOff>[2][number][]>();
  for (const [name, endpoint] of view.registrationsOf(principal)) {
    if (!pins.includes(keyOfEndpoint(endpoint.json) ?? '')) continue;
    const { id } = endpoint;
    changes.push({ kind: 'endpoint', name, id, record: undefined });
    fences.set(name, [...(fences.get(name) ?? []), { id, ...fenceOf(endpoint, true) }]);
  }
  for (const [name, removed] of fences) changes.push(...fenceOff(view, name, removed));
  return changes;
}
