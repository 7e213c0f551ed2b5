import type { Candidate } from '../core/candidate.js';
import type { Picker } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { weightedPicker } from './slow-start.js';

/**
 * Whether the second drawn candidate is preferred to the first.
 * @param weightRatio - weight of the first candidate divided by the weight of the second, at least 1
 */
export type Preference = (second: Candidate, first: Candidate, now: number, weightRatio: number) => boolean;

/**
 * Power of two choices (P2C): draws two candidates, the first by weight and the second uniformly from the others.
 * Picks the second if `prefers` returns true.
 * @see [Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"](https://doi.org/10.1109/71.963420)
 */
export function twoChoicesPicker(candidates: readonly Candidate[], prefers: Preference): Picker {
  const count = candidates.length;
  return weightedPicker(candidates, (weights) => {
    const table = weights && aliasTable(weights);
    return ({ now, random }) => {
      const i = table === undefined ? Math.floor(random() * count) : drawIndex(table, random());
      // Draws `j` from count - 1 indexes and skips `i`, so `j` is uniform over all other indexes.
      let j = Math.floor(random() * (count - 1));
      if (j >= i) j++;
      const first = candidates[i] as Candidate;
      const second = candidates[j] as Candidate;
      const weightRatio =
        weights === undefined ? 1 : Math.max(1, (weights[i] as number) / (weights[j] as number));
      return prefers(second, first, now, weightRatio) ? second : first;
    };
  });
}
