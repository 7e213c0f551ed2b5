import type { EpochCounter } from './records.js';

export function raisedCounter(
  counter: EpochCounter | undefined,
  epochBase: number,
): EpochCounter | undefined {
  return counter === undefined || counter.epoch >= epochBase ? counter : { ...counter, epoch: epochBase };
}
