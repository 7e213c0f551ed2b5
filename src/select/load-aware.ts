/** Chooses the less loaded of two drawn at random: the default rule wherever several endpoints are equally near. */
import type { Policy, Roster } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { relativeWeights } from './weights.js';

const clearly = 1.25;

export function loadAware(): Policy {
  return {
    name: 'load-aware',
    prepare({ candidates }: Roster) {
      const count = candidates.length;
      if (count < 2) {
        const only = candidates[0];
        return () => only;
      }
      const weights = relativeWeights(candidates);
      if (weights === undefined) {
        return ({ now, random }) => {
          const i = Math.floor(random() * count);
          let j = Math.floor(random() * (count - 1));
          if (j >= i) j++;
          const a = candidates[i];
          const b = candidates[j];
          if (a === undefined || b === undefined) return a;
          return b.load(now) * clearly < a.load(now) ? b : a;
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
        const ofA = (a.load(now) / (a.pending + 1)) * (a.pending / (weights[i] as number) + 1);
        const ofB = (b.load(now) / (b.pending + 1)) * (b.pending / (weights[j] as number) + 1);
        return ofB * clearly < ofA ? b : a;
      };
    },
  };
}
