/**
 * Fencing numbers. A name gives each of its numbers once, and an instance that is gone leaves the last one it had, so
 * that whoever was held up on the way cannot come back over a newer one. A name remembers a bounded number of those; for
 * the rest one number stands: whoever had that or a lower one registers anew.
 *
 * @see promises C5.6
 */
import { ClerkError } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import type { StateChange, EpochCounter, Fence } from '../state/records.js';
import type { NamingView } from '../state/naming-view.js';

/** Instances that are gone and remembered one by one, for each name. */
export const maxFences = 256;

/** Above it no number is taken from outside, so that there are always more to give. */
const maxRequestedEpoch = 2 ** 50;

/**
 * The number that a registration gets, with the changes that keep account of it.
 *
 * @param requestedEpoch - the number it says it has
 * @param isLaunched - it has shown a ticket for that number
 * @throws ClerkError `FORBIDDEN` when a newer one took its place, or it withdrew
 */
export function assignEpoch(
  view: NamingView,
  name: string,
  id: string,
  requestedEpoch: number | undefined,
  isLaunched: boolean,
): { readonly epoch: number; readonly changes: readonly StateChange[] } {
  const counter = epochCounterOf(view, name);
  const fence = view.fence(name, id);
  if (requestedEpoch !== undefined) rejectOldEpoch(view, name, id, requestedEpoch, isLaunched);
  const epoch = requestedEpoch ?? counter.epoch + 1;
  const changes: StateChange[] = [];
  if (epoch > counter.epoch || view.counter(name) === undefined)
    changes.push({ kind: 'counter', name, record: { ...counter, epoch: Math.max(epoch, counter.epoch) } });
  // While it is registered, its registration says it all.
  if (fence !== undefined) changes.push({ kind: 'fence', name, id, record: undefined });
  return { epoch, changes };
}

/** What remains of instances that are gone. */
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

/** The numbers of a name; one that has none yet begins behind all names that are gone. */
export function epochCounterOf(view: NamingView, name: string): EpochCounter {
  return view.counter(name) ?? { epoch: view.epochFloor, floor: view.epochFloor };
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
      `The registration of ${name} has the epoch ${requestedEpoch}; it must be a whole number from 1 to 2^50`,
    );
  const live = view.endpoint(name, id);
  const last = live ?? view.fence(name, id);
  if (last === undefined) {
    if (isLaunched || requestedEpoch > epochCounterOf(view, name).floor) return;
    throw new ClerkError(
      'FORBIDDEN',
      `The epoch ${requestedEpoch} of ${quote(id)} of ${name} is too old to be known; register without one`,
    );
  }
  if (requestedEpoch < last.epoch)
    throw new ClerkError(
      'FORBIDDEN',
      `A newer registration of ${quote(id)} of ${name}, epoch ${last.epoch}, took its place`,
    );
  const hasWithdrawn = live === undefined ? (last as Fence).withdrawn : live.draining;
  if (requestedEpoch === last.epoch && hasWithdrawn)
    throw new ClerkError(
      'FORBIDDEN',
      `${quote(id)} of ${name} withdrew with the epoch ${requestedEpoch}; register without one to come back`,
    );
}
