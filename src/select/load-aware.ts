/** Chooses the less loaded of two drawn at random: the default rule wherever several endpoints are equally near. */
import type { Candidate } from '../core/candidate.js';
import type { Policy, PickerInput } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { subsetOf } from './subset.js';
import { weightedPicker } from './slow-start.js';

/**
 * How much lower a load must be to count as lower where both have as many calls in flight. Without a margin the
 * endpoint whose average happens to be the highest loses every comparison while calls are few, and gets none at all.
 */
const tieMargin = 1.5;

/**
 * Power of two choices: two different endpoints are drawn, the clearly lower load wins, a tie goes to the first. Two
 * draws keep the longest queue near log log n where one lets it grow to log n, and no herd runs to the one that looks best.
 *
 * With unequal weights the first is drawn by weight, the second evenly from the rest, and the second takes the call
 * only where its load is lower *and* lower per weight. So at equal loads shares match the weights, whatever the noise
 * in the latencies; a light endpoint is spared while a heavy one has a queue; and one that is slow loses its calls
 * whatever its weight. (Drawing by weight alone is undone by the comparison: in a fleet of two it always sees both.
 * Dividing the load by the weight alone gives a quiet fleet's calls all to the heaviest.)
 *
 * A newcomer starts slowly in that its weight grows from a tenth. Divided into its load instead, warmth would be all or
 * nothing: in a fleet of two it would lose every comparison until two thirds of the time were over, and then none.
 *
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); Finagle `P2CPick`
 * @see promises C2.5
 */
export function loadAware(): Policy {
  return {
    name: 'load-aware',
    prepare(roster: PickerInput) {
      const candidates = subsetOf(roster);
      const count = candidates.length;
      if (count < 2) {
        const only = candidates[0];
        return () => only;
      }
      return weightedPicker(candidates, (weights) => {
        if (weights === undefined) {
          return ({ now, random }) => {
            const i = Math.floor(random() * count);
            // Drawn from one less and stepped over the first: both stay uniform, and they differ without a retry.
            let j = Math.floor(random() * (count - 1));
            if (j >= i) j++;
            const a = candidates[i];
            const b = candidates[j];
            return a !== undefined && b !== undefined && isLessLoaded(b, a, now) ? b : a;
          };
        }
        const table = aliasTable(weights);
        return ({ now, random }) => {
          const i = drawIndex(table, random());
          let j = Math.floor(random() * (count - 1));
          if (j >= i) j++;
          const a = candidates[i];
          const b = candidates[j];
          if (a === undefined || b === undefined) return a;
          const weightRatio = Math.max(1, (weights[i] as number) / (weights[j] as number));
          return isLessLoaded(b, a, now, weightRatio) ? b : a;
        };
      });
    },
  };
}

function isLessLoaded(challenger: Candidate, incumbent: Candidate, now: number, weightRatio = 1): boolean {
  return (
    challenger.load(now) * weightRatio * (challenger.pending === incumbent.pending ? tieMargin : 1) <
    incumbent.load(now)
  );
}
