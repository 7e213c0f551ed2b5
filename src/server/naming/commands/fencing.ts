/**
 * Epochs and fences. A service name never assigns an epoch twice. When an instance is removed, its last epoch becomes
 * a fence. The fence rejects delayed requests of the instance with an older epoch.
 *
 * A name stores at most 256 fences. A dropped fence raises the floor of the name to its epoch. An instance without
 * registration, fence and launch ticket is unknown, and must request an epoch above the floor.
 *
 * @see [C5.6](../../../../docs/guarantees.md#c5-6)
 */
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import type { NamingView } from '../state/naming-view.js';
import type { EpochCounter, Fence, StateChange } from '../state/records.js';

const maxFences = 256;

/** Highest epoch that a request may contain. The registry may assign higher epochs. */
const maxRequestedEpoch = 2 ** 50;

/**
 * Returns the epoch of a registration: `requestedEpoch` if given, otherwise the next epoch of the name. `changes`
 * updates the epoch counter of the name and removes the fence of the instance.
 *
 * @param isLaunched - whether the instance has redeemed a launch ticket for `requestedEpoch`
 * @throws {@link ClerkError} `CONFIG_INVALID` when `requestedEpoch` is not an integer from 1 to 2^50
 * @throws {@link ClerkError} `FORBIDDEN` when the instance has registered with a higher epoch or has withdrawn
 *   `requestedEpoch`
 * @throws {@link ClerkError} `FORBIDDEN` when `requestedEpoch` of an unknown instance is not above the floor; an
 *   unknown instance has no registration, no fence and no launch ticket
 */
export function assignEpoch(
  view: NamingView,
  name: string,
  id: string,
  requestedEpoch: number | undefined,
  isLaunched: boolean,
): { readonly epoch: number; readonly changes: readonly StateChange[] } {
  const counter = epochCounterOf(view, name);
  const fence = view.fences(name).get(id);
  if (requestedEpoch !== undefined) rejectOldEpoch(view, name, id, requestedEpoch, isLaunched);
  const epoch = requestedEpoch ?? counter.epoch + 1;
  const changes: StateChange[] = [];
  if (epoch > counter.epoch || view.counter(name) === undefined)
    changes.push({ kind: 'counter', name, record: { ...counter, epoch: Math.max(epoch, counter.epoch) } });
  // The new registration contains the last epoch of the instance, so the fence is not needed any more.
  if (fence !== undefined) changes.push({ kind: 'fence', name, id, record: undefined });
  return { epoch, changes };
}

/**
 * Returns changes that add a fence for each removed instance. At more than 256 fences, the changes also drop the
 * oldest fences.
 */
export function fenceOff(
  view: NamingView,
  name: string,
  removed: readonly (Fence & { readonly id: string })[],
): readonly StateChange[] {
  const changes: StateChange[] = [];
  const fences = new Map(view.fences(name));
  const counter = epochCounterOf(view, name);
  let { floor } = counter;
  for (const { id, epoch, withdrawn } of removed) {
    fences.delete(id);
    fences.set(id, { epoch, withdrawn });
    changes.push({ kind: 'fence', name, id, record: { epoch, withdrawn } });
  }
  for (const [id, { epoch }] of fences) {
    if (fences.size <= maxFences) break;
    fences.delete(id);
    floor = Math.max(floor, epoch);
    changes.push({ kind: 'fence', name, id, record: undefined });
  }
  if (floor > counter.floor) changes.push({ kind: 'counter', name, record: { ...counter, floor } });
  return changes;
}

/**
 * Returns the epoch counter of a name. A new counter starts at the highest epoch of all removed names. A name that is
 * created again therefore assigns no epoch twice.
 */
export function epochCounterOf(view: NamingView, name: string): EpochCounter {
  return view.counter(name) ?? { epoch: view.epochFloor, floor: view.epochFloor };
}

/** @param epoch - epoch of the last registration of the instance */
export function supersededError(name: string, id: string, epoch: number): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `Instance ${quote(id)} of ${name} was superseded by a newer registration with epoch ${epoch}; stop this instance`,
  );
}

function rejectOldEpoch(
  view: NamingView,
  name: string,
  id: string,
  requestedEpoch: number,
  isLaunched: boolean,
): void {
  if (!Number.isSafeInteger(requestedEpoch) || requestedEpoch < 1 || requestedEpoch > maxRequestedEpoch)
    throw new ClerkError(
      'CONFIG_INVALID',
      `The epoch of a registration of ${name} must be an integer from 1 to 2^50; got ${requestedEpoch}`,
    );
  const current = view.endpoint(name, id);
  const last = current ?? view.fences(name).get(id);
  if (last === undefined) {
    if (isLaunched || requestedEpoch > epochCounterOf(view, name).floor) return;
    throw new ClerkError(
      'FORBIDDEN',
      `Epoch ${requestedEpoch} of instance ${quote(id)} of ${name} is too old for the registry to verify; register without an epoch to get a new epoch`,
    );
  }
  if (requestedEpoch < last.epoch) throw supersededError(name, id, last.epoch);
  const hasWithdrawn = current === undefined ? (last as Fence).withdrawn : current.draining;
  if (requestedEpoch === last.epoch && hasWithdrawn)
    throw new ClerkError(
      'FORBIDDEN',
      `Instance ${quote(id)} of ${name} has withdrawn epoch ${requestedEpoch}; register without an epoch to get a new epoch`,
    );
}
