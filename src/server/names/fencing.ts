/**
 * Fencing numbers. A name gives each of its numbers once, and an instance that is gone leaves the last one it had, so
 * that whoever was held up on the way cannot come back over a newer one. A name remembers a bounded number of those; for
 * the rest one number stands: whoever had that or a lower one registers anew.
 *
 * @see promises C5.6
 */
import { ClerkError } from '../../core/errors.js';
import { shown } from '../../core/shown.js';
import type { Change, Counter, Fence } from './records.js';
import type { View } from './view.js';

/** Instances that are gone and remembered one by one, for each name. */
export const mostFences = 256;

/** Above it no number is taken from outside, so that there are always more to give. */
const mostGivenEpoch = 2 ** 50;

/**
 * The number that a registration gets, with the changes that keep account of it.
 *
 * @param asked - the number it says it has
 * @param isLaunched - it has shown a ticket for that number
 * @throws ClerkError `FORBIDDEN` when a newer one took its place, or it withdrew
 */
export function admitted(
  view: View,
  name: string,
  id: string,
  asked: number | undefined,
  isLaunched: boolean,
): { readonly epoch: number; readonly changes: readonly Change[] } {
  const counter = counterOf(view, name);
  const fence = view.fence(name, id);
  if (asked !== undefined) refuseIfOld(view, name, id, asked, isLaunched);
  const epoch = asked ?? counter.epoch + 1;
  const changes: Change[] = [];
  if (epoch > counter.epoch || view.counter(name) === undefined)
    changes.push({ kind: 'counter', name, record: { ...counter, epoch: Math.max(epoch, counter.epoch) } });
  // While it is registered, its registration says it all.
  if (fence !== undefined) changes.push({ kind: 'fence', name, id, record: undefined });
  return { epoch, changes };
}

/** What remains of instances that are gone. */
export function fenced(
  view: View,
  name: string,
  gone: readonly (Fence & { readonly id: string })[],
): readonly Change[] {
  const changes: Change[] = [];
  const kept = new Map(view.fences(name));
  const counter = counterOf(view, name);
  let { floor } = counter;
  for (const { id, epoch, withdrawn } of gone) {
    kept.delete(id);
    kept.set(id, { epoch, withdrawn });
    changes.push({ kind: 'fence', name, id, record: { epoch, withdrawn } });
  }
  for (const [id, { epoch }] of kept) {
    if (kept.size <= mostFences) break;
    kept.delete(id);
    floor = Math.max(floor, epoch);
    changes.push({ kind: 'fence', name, id, record: undefined });
  }
  if (floor > counter.floor) changes.push({ kind: 'counter', name, record: { ...counter, floor } });
  return changes;
}

/** The numbers of a name; one that has none yet begins behind all names that are gone. */
export function counterOf(view: View, name: string): Counter {
  return view.counter(name) ?? { epoch: view.floor, floor: view.floor };
}

function refuseIfOld(view: View, name: string, id: string, asked: number, isLaunched: boolean): void {
  if (!Number.isSafeInteger(asked) || asked < 1 || asked > mostGivenEpoch)
    throw new ClerkError(
      'CONFIG_INVALID',
      `The registration of ${name} has the epoch ${asked}; it must be a whole number from 1 to 2^50`,
    );
  const live = view.endpoint(name, id);
  const last = live ?? view.fence(name, id);
  if (last === undefined) {
    if (isLaunched || asked > counterOf(view, name).floor) return;
    throw new ClerkError(
      'FORBIDDEN',
      `The epoch ${asked} of ${shown(id)} of ${name} is too old to be known; register without one`,
    );
  }
  if (asked < last.epoch)
    throw new ClerkError(
      'FORBIDDEN',
      `A newer registration of ${shown(id)} of ${name}, epoch ${last.epoch}, took its place`,
    );
  const hasWithdrawn = live === undefined ? (last as Fence).withdrawn : live.draining;
  if (asked === last.epoch && hasWithdrawn)
    throw new ClerkError(
      'FORBIDDEN',
      `${shown(id)} of ${name} withdrew with the epoch ${asked}; register without one to come back`,
    );
}
