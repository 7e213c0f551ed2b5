import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { weightedPicker } from './slow-start.js';
import { subsetOf } from './subset.js';

/**
 * Power of two choices (P2C) by calls in flight: draws two endpoints at random and picks the endpoint with fewer calls
 * of this client in flight. If both endpoints have equal calls in flight, the endpoint with the lower load is picked.
 * If the loads are equal too, the endpoint drawn first is picked.
 *
 * Ignores latency unless the calls in flight are equal, so an endpoint that fails fast looks idle. Prefer `loadAware`
 * unless calls are long and similar.
 *
 * The first endpoint is drawn by weight, the second uniformly from the other endpoints. If the second endpoint has a
 * lower weight than the first, `(calls in flight + 1) / weight` is compared instead of the calls in flight.
 *
 * @see [Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"](https://doi.org/10.1109/71.963420)
 */
export function leastPending(): Policy {
  return {
    name: 'least-pending',
    prepare(input: PickerInput) {
      const candidates = subsetOf(input);
      const count = candidates.length;
      if (count < 2) {
        const sole = candidates[0];
        return () => sole;
      }
      return weightedPicker(candidates, (weights) => {
        const table = weights && aliasTable(weights);
        return ({ now, random }) => {
          const i = table === undefined ? Math.floor(random() * count) : drawIndex(table, random());
          // `j` is drawn from count - 1 indexes, and indexes from `i` on are raised by 1. So `j` is uniform over all
          // indexes except `i`.
          let j = Math.floor(random() * (count - 1));
          if (j >= i) j++;
          const a = candidates[i];
          const b = candidates[j];
          if (a === undefined || b === undefined) return a;
          const weightRatio =
            weights === undefined ? 1 : Math.max(1, (weights[i] as number) / (weights[j] as number));
          if (a.pending === b.pending) return b.load(now) * weightRatio < a.load(now) ? b : a;
          return (b.pending + 1) * weightRatio < a.pending + 1 ? b : a;
        };
      });
    },
  };
}
