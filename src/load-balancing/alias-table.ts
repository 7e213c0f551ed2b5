/**
 * A draw chooses a slot `i` uniformly. The drawn index is `i` with probability `probability[i]`, otherwise
 * `alias[i]`.
 */
export interface AliasTable {
  readonly probability: Float64Array;
  readonly alias: Uint32Array;
}

/**
 * Builds Vose's alias table, from which an index is drawn in constant time, in proportion to its weight.
 * @param weights - one or more weights; each finite and ≥ 0, with a positive finite sum
 * @see [Vose, "A Linear Algorithm for Generating Random Numbers with a Given
 * Distribution"](https://doi.org/10.1109/32.92917)
 */
export function aliasTable(weights: Float64Array): AliasTable {
  const count = weights.length;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const probability = weights.map((weight) => (weight / sum) * count);
  // The loop below leaves an index as its own alias only if the probability of the index is 1, up to rounding.
  const alias = Uint32Array.from(weights, (_, i) => i);
  // `order` holds two lists: from the front the indices with a probability below 1, from the back all others.
  const order = new Uint32Array(count);
  let small = 0;
  let large = count;
  for (let i = 0; i < count; i++) {
    if ((probability[i] as number) < 1) order[small++] = i;
    else order[--large] = i;
  }
  while (small > 0 && large < count) {
    const under = order[--small] as number;
    const over = order[large] as number;
    alias[under] = over;
    probability[over] = (probability[over] as number) + (probability[under] as number) - 1;
    if (probability[over] < 1) {
      large++;
      order[small++] = over;
    }
  }
  return { probability, alias };
}

export function drawIndex(table: AliasTable, unit: number): number {
  const scaled = unit * table.probability.length;
  const slot = Math.floor(scaled);
  return scaled - slot < (table.probability[slot] as number) ? slot : (table.alias[slot] as number);
}
