import type { EpochCounter } from './records.js';

/** Returns the counter of a name, with an epoch of at least `epochBase`. */
export function raisedCounter(
  counter: EpochCounter | undefined,
  epochBase: number,
): EpochCounter | undefined {
  return counter === undefined || counter.epoch >= epochBase ? counter : { ...counter, epoch: epochBase };
}
