/** Chooses the one with fewer calls in flight, of two drawn at random. */
import type { Policy, PickerInput } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { subsetOf } from './subset.js';
import { weightedPicker } from './slow-start.js';

/**
 * Best of two by this clerk's calls in flight; a tie goes to the lower load, then to the first drawn. Blind to latency
 * where calls in flight differ, so that an endpoint that fails fast looks idle: prefer `loadAware` unless calls are
 * long and alike. Unequal weights count as they do there: the first is drawn by weight, and a lighter second one must
 * be better by as much as it is lighter.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001)
 */
export function leastPending(): Policy {
  return {
    name: 'least-pending',
    prepare(roster: PickerInput) {
      const candidates = subsetOf(roster);
      const count = candidates.length;
      if (count < 2) {
        const sole = candidates[0];
        return () => sole;
      }
      return weightedPicker(candidates, (weights) => {
        const table = weights && aliasTable(weights);
        return ({ now, random }) => {
          const i = table === undefined ? Math.floor(random() * count) : drawIndex(table, random());
          // Drawn from one less and stepped over the first: both stay uniform, and they differ without a retry.
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
