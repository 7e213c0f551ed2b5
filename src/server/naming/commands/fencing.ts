/**
 * Epochs and fences. No epoch of a service name is assigned twice. When an instance is removed, its last epoch becomes
 * a fence. The fence rejects delayed requests of the instance with an older epoch.
 *
 * A name has at most 256 fences; `fence-limit.ts` limits the total. An instance with neither a registration nor a
 * fence gets a new epoch.
 *
 * @see [C5.6](../../../../docs/guarantees.md#c5-6)
 */
import { definedFields } from '../../../core/defined-fields.js';
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import type { EndpointView, NamingView } from '../state/naming-view.js';
import { secretHashOf } from '../state/record-codec.js';
import type { EpochCounter, Fence, StateChange } from '../state/records.js';

const maxFences = 256;

export function fenceOff(
  view: NamingView,
  name: string,
  removed: readonly (Fence & { readonly id: string })[],
): readonly StateChange[] {
  const changes: StateChange[] = [];
  const fences = new Map(view.fences(name));
  for (const { id, ...record } of removed) {
    fences.delete(id);
    fences.set(id, record);
    changes.push({ kind: 'fence', name, id, record });
  }
  for (const id of fences.keys()) {
    if (fences.size <= maxFences) break;
    fences.delete(id);
    changes.push({ kind: 'fence', name, id, record: undefined });
  }
  return changes;
}

/**
 * Returns the epoch counter of a name. A new counter starts at the highest epoch of all removed names, so a name that
 * is created again does not reuse epochs.
 */
export function epochCounterOf(view: NamingView, name: string): EpochCounter {
  return view.counter(name) ?? { epoch: view.epochFloor };
}

/**
 * Returns the fence of a removed endpoint. With the secret of the fence, the instance can resume its epoch. The fence
 * of a withdrawn epoch has no secret, because that epoch must not resume.
 */
export function fenceOf({ epoch, json, principal, displaced }: EndpointView, withdrawn: boolean): Fence {
  const secretHash = withdrawn ? undefined : secretHashOf(json);
  return { epoch, withdrawn, ...definedFields({ secretHash, principal, displaced }) };
}

export function supersededError(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `Instance ${quote(id)} of ${name} was superseded by a newer registration with epoch ${epoch}; stop this instance`,
  );
}
