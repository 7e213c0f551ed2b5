import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { weightedPicker } from './slow-start.js';
import { subsetOf } from './subset.js';

/**
 * Factor by which a load must be lower if the calls in flight are equal. Without it the endpoint with the highest
 * average would lose every comparison at low load, and get no calls.
 */
const tieMargin = 1.5;

/**
 * P2C peak-EWMA: power of two choices by peak-EWMA load (smoothed latency × calls in flight). Of two endpoints drawn at
 * random the clearly lower load wins; a tie goes to the first. The default within a locality tier.
 *
 * Two draws keep the longest queue near log log n, where one draw lets it grow to log n. Clients do not all run to the
 * endpoint that looks best.
 *
 * With unequal weights the first endpoint is drawn by weight, the second uniformly from the rest. The second one
 * takes the call only if its load is lower *and* lower per weight. So at equal loads the shares match the weights
 * despite latency noise, a light endpoint is not overloaded by the queue of a heavy one, and a slow endpoint loses
 * calls whatever its weight. Drawing by weight alone would not work: with two endpoints the comparison always sees
 * both. Dividing the load by the weight alone would send all calls to the heaviest endpoint at low load.
 *
 * Slow start lowers the weight, from a tenth up. Dividing the load by the slow-start factor instead would be all or
 * nothing: with two endpoints the new one would lose every comparison for two thirds of its window.
 *
 * @see [Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"](https://doi.org/10.1109/71.963420)
 * @see [Finagle, P2C and peak
 * EWMA](https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded)
 * @see [C2.5](../../docs/guarantees.md#c2-5)
 */
export function loadAware(): Policy {
  return {
    name: 'load-aware',
    prepare(input: PickerInput) {
      const candidates = subsetOf(input);
      const count = candidates.length;
      if (count < 2) {
        const sole = candidates[0];
        return () => sole;
      }
      return weightedPicker(candidates, (weights) => {
        if (weights === undefined) {
          return ({ now, random }) => {
            const i = Math.floor(random() * count);
            // Draw from count - 1 and step over i: both stay uniform, and they differ without a retry loop.
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
