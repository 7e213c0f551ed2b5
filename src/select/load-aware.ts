/** Chooses the less loaded of two drawn at random: the default rule wherever several endpoints are equally near. */
import type { Candidate } from '../core/candidate.js';
import type { Policy, Roster } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { partOf } from './part.js';
import { byWeight } from './warmth.js';

/**
 * How much lower a load must be to count as lower where both have as many calls in flight. Without a margin the
 * endpoint whose average happens to be the highest loses every comparison while calls are few, and gets none at all.
 */
const margin = 1.5;

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
    prepare(roster: Roster) {
      const candidates = partOf(roster);
      const count = candidates.length;
      if (count < 2) {
        const only = candidates[0];
        return () => only;
      }
      return byWeight(candidates, (weights) => {
        if (weights === undefined) {
          return ({ now, random }) => {
            const i = Math.floor(random() * count);
            // Drawn from one less and stepped over the first: both stay uniform, and they differ without a retry.
            let j = Math.floor(random() * (count - 1));
            if (j >= i) j++;
            const a = candidates[i];
            const b = candidates[j];
            return a !== undefined && b !== undefined && lower(b, a, now) ? b : a;
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
          const handicap = Math.max(1, (weights[i] as number) / (weights[j] as number));
          return lower(b, a, now, handicap) ? b : a;
        };
      });
    },
  };
}

function lower(one: Candidate, other: Candidate, now: number, handicap = 1): boolean {
  return one.load(now) * handicap * (one.pending === other.pending ? margin : 1) < other.load(now);
}
