/**
 * Everyone in turn. The turn survives changes of the roster: next is the one after the last that was picked, as the
 * order was then, or the first after it that is still there.
 */
import type { Candidate } from '../core/candidate.js';
import type { Policy, PickerInput } from '../core/policy.js';
import { subsetOf } from './subset.js';
import { anyHasSlowStart, slowStartFactors, type SlowStartFactors } from './slow-start.js';

/**
 * Round-robin choice, beginning at a random point so that many clerks do not march in step. Weights are ignored, but
 * for 0: such an endpoint is not on the roster while there is any other. A newcomer's turn is left out as often as it is
 * short of its share. As the inner rule of `localFirst` each tier
 * has a turn of its own; the turn of the tier used last survives a change, the others begin at random again.
 */
export function roundRobin(): Policy {
  let lastOrder: readonly Candidate[] = [];
  let lastIndex = -1;
  return {
    name: 'round-robin',
    prepare(roster: PickerInput) {
      const candidates = subsetOf(roster);
      const count = candidates.length;
      if (count === 0) return () => undefined;
      let next = resumeIndex(lastOrder, lastIndex, candidates);
      let slowStart: SlowStartFactors = {
        factors: undefined,
        expiresAt: anyHasSlowStart(candidates) ? -Infinity : Infinity,
      };
      return (context) => {
        if (context.now >= slowStart.expiresAt)
          slowStart = slowStartFactors(candidates, context.now, undefined);
        if (next < 0) next = Math.floor(context.random() * count);
        let index = next;
        if (slowStart.factors !== undefined)
          index = skipSlowStarting(index, slowStart.factors, context.random);
        next = index + 1 < count ? index + 1 : 0;
        lastOrder = candidates;
        lastIndex = index;
        return candidates[index];
      };
    },
  };
}

/** The first from there on that takes its turn. Newcomers never bear less than half of theirs where they are many. */
function skipSlowStarting(index: number, factors: Float64Array, random: () => number): number {
  for (let left = factors.length; left > 0; left--) {
    const factor = factors[index] as number;
    if (factor === 1 || random() < factor) return index;
    index = index + 1 < factors.length ? index + 1 : 0;
  }
  return index;
}

/** Where in `now` the turn goes on that stands at `last` in `before`; -1 when nobody is left from before. */
function resumeIndex(
  previousOrder: readonly Candidate[],
  lastIndex: number,
  order: readonly Candidate[],
): number {
  const indexes = new Map(order.map((candidate, index) => [candidate, index]));
  const lastPosition = indexes.get(previousOrder[lastIndex] as Candidate);
  if (lastPosition !== undefined) return (lastPosition + 1) % order.length;
  for (let step = 1; step < previousOrder.length; step++) {
    const index = indexes.get(previousOrder[(lastIndex + step) % previousOrder.length] as Candidate);
    if (index !== undefined) return index;
  }
  return -1;
}
