import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { weightedPicker } from './slow-start.js';
import { subsetOf } from './subset.js';

/**
 * Picks an endpoint at random, with a probability proportional to its weight. Ignores load. Applies slow start. A
 * pick takes constant time.
 *
 * @see [C2.5](../../docs/guarantees.md#c2-5)
 */
export function random(): Policy {
  return {
    name: 'random',
    allowsTrial: () => true,
    prepare(input: PickerInput) {
      const candidates = subsetOf(input);
      const count = candidates.length;
      return weightedPicker(candidates, (weights) => {
        if (weights === undefined) return (context) => candidates[Math.floor(context.random() * count)];
        const table = aliasTable(weights);
        return (context) => candidates[drawIndex(table, context.random())];
      });
    },
  };
}
