import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { weightedPicker } from './slow-start.js';
import { subsetOf } from './subset.js';

/**
 * If two drawn endpoints have equal calls in flight, the second is picked only if its load times this factor is below
 * the load of the first. Without this factor, at low load the endpoint with the highest average latency would lose
 * every comparison and get no calls.
 */
const tieMargin = 1.5;

/**
 * P2C peak-EWMA: power of two choices by peak-EWMA load (smoothed latency × calls in flight). Draws two endpoints at
 * random and picks the second endpoint if its load is lower, otherwise the first. If both endpoints have equal calls in
 * flight, the load must be lower by a factor of 1.5. `local-first` uses this policy within a locality tier by default.
 *
 * With two draws per call the longest queue among n endpoints grows as log log n; with one draw, as log n. Because each
 * client draws at random, the clients do not all choose the endpoint that looks best.
 *
 * With unequal weights the first endpoint is drawn by weight, the second uniformly from the other endpoints. The second
 * endpoint gets the call only if both its load and its load per weight are lower than those of the first endpoint. This
 * rule has three effects. At equal loads the shares match the weights despite latency noise. The queue of a heavy
 * endpoint does not overload a light endpoint. A slow endpoint loses calls whatever its weight.
 *
 * Only drawing by weight, without comparing loads per weight, would not work: of two endpoints, both are always drawn.
 * Only comparing loads per weight would not work either: at low load, the heaviest endpoint would get all calls.
 *
 * Slow start lowers the weight of a new endpoint, at first to as little as a tenth. If the load were divided by the
 * slow-start factor instead, the calls would not grow gradually. Of two endpoints, the new endpoint would lose every
 * comparison for two thirds of its window.
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
            // `j` is drawn from count - 1 indexes, and indexes from `i` on are raised by 1. So `j` is uniform over all
            // indexes except `i`.
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
