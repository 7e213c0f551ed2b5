import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { anyHasSlowStart, slowStartFactors, type SlowStartFactors } from './slow-start.js';
import { subsetOf } from './subset.js';

/**
 * Picks the candidates in turn. The first pick is random, so that not all clients call the same endpoint at the same
 * time. After a change of the candidates, the next pick is the next candidate in turn that is still present.
 *
 * Weights are ignored, but endpoints of weight 0 are used only if no other endpoint is left. An endpoint in slow
 * start is skipped at random. Within `localFirst`, each tier has a separate order.
 */
export function roundRobin(): Policy {
  let lastOrder: readonly Candidate[] = [];
  let lastIndex = -1;
  return {
    name: 'round-robin',
    allowsTrial: () => true,
    prepare(input: PickerInput) {
      const candidates = subsetOf(input);
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

function skipSlowStarting(index: number, factors: Float64Array, random: () => number): number {
  for (let left = factors.length; left > 0; left--) {
    const factor = factors[index] as number;
    if (factor === 1 || random() < factor) return index;
    index = index + 1 < factors.length ? index + 1 : 0;
  }
  return index;
}

/** Returns the index in `order` of the next pick; -1 if the two orders have no common candidate. */
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
