/**
 * Epochs and fences. A service name never assigns an epoch twice. When an instance is removed, its last epoch becomes
 * a fence. The fence rejects delayed requests of the instance with an older epoch.
 *
 * A name stores at most 256 fences. An instance without registration and fence gets a new epoch.
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
 * A new counter starts at the highest epoch of all removed names. A name that is created again therefore assigns no
 * epoch twice.
 */
export function epochCounterOf(view: NamingView, name: string): EpochCounter {
  return view.counter(name) ?? { epoch: view.epochFloor };
}

/**
 * The secret of a fence allows its instance to resume the epoch. An instance must not resume an epoch that it has
 * withdrawn, so the fence then has no secret.
 */
export function fenceOf({ epoch, json, displaced }: EndpointView, withdrawn: boolean): Fence {
  const secretHash = withdrawn ? undefined : secretHashOf(json);
  return { epoch, withdrawn, ...definedFields({ secretHash, displaced }) };
}

export function supersededError(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `Instance ${quote(id)} of ${name} was superseded by a newer registration with epoch ${epoch}; stop this instance`,
  );
}
