/** Chooses the one with fewer calls in flight, of two drawn at random. */
import type { Policy, Roster } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { relativeWeights } from './weights.js';

/**
 * Best of two by this clerk's calls in flight; ties go to the lower load, then to the first drawn. With unequal weights
 * the first is drawn by weight and calls in flight count per weight, so that twice the weight carries twice the calls.
 * Blind to latency where calls in flight differ: an endpoint that fails fast looks idle. Prefer `loadAware` unless
 * calls are long and alike.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001)
 */
export function leastPending(): Policy {
  return {
    name: 'least-pending',
    prepare({ candidates }: Roster) {
      const count = candidates.length;
      if (count < 2) {
        const only = candidates[0];
        return () => only;
      }
      const weights = relativeWeights(candidates);
      const table = weights && aliasTable(weights);
      return ({ now, random }) => {
        const i = table === undefined ? Math.floor(random() * count) : drawIndex(table, random());
        // Drawn from one less and stepped over the first: both stay uniform, and they differ without a retry.
        let j = Math.floor(random() * (count - 1));
        if (j >= i) j++;
        const a = candidates[i];
        const b = candidates[j];
        if (a === undefined || b === undefined) return a;
        let ofA = a.pending;
        let ofB = b.pending;
        if (weights !== undefined) {
          ofA /= weights[i] as number;
          ofB /= weights[j] as number;
        }
        return ofB < ofA || (ofB === ofA && b.load(now) < a.load(now)) ? b : a;
      };
    },
  };
}
