/** Chooses at random, each endpoint as often as its weight says. Knows nothing of load: never wrong by feedback. */
import type { Policy, PickerInput } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { subsetOf } from './subset.js';
import { weightedPicker } from './slow-start.js';

/**
 * Random choice; shares match the endpoints' weights exactly in expectation. Constant time by an alias table, a plain
 * draw when all weights are equal. Newcomers start slowly.
 *
 * @see promises C2.5
 */
export function random(): Policy {
  return {
    name: 'random',
    prepare(roster: PickerInput) {
      const candidates = subsetOf(roster);
      const count = candidates.length;
      if (count < 2) {
        const only = candidates[0];
        return () => only;
      }
      return weightedPicker(candidates, (weights) => {
        if (weights === undefined) return (context) => candidates[Math.floor(context.random() * count)];
        const table = aliasTable(weights);
        return (context) => candidates[drawIndex(table, context.random())];
      });
    },
  };
}
