/** A prepared alias table: slot `i` gives index `i` with `probability[i]`, else index `alias[i]`. */
export interface AliasTable {
  readonly probability: Float64Array;
  readonly alias: Uint32Array;
}

/**
 * Builds Vose's alias table, which draws an index with a probability proportional to its weight. A draw takes one
 * random number and constant time; building takes time proportional to the number of weights.
 *
 * @param weights - at least one; finite, ≥ 0, with a positive finite sum
 * @see [Vose, "A Linear Algorithm for Generating Random Numbers with a Given
 * Distribution"](https://doi.org/10.1109/32.92917)
 */
export function aliasTable(weights: Float64Array): AliasTable {
  const count = weights.length;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const probability = weights.map((weight) => (weight / sum) * count);
  // Each index is its own alias at first. A remaining probability is 1 up to rounding and keeps that alias.
  const alias = Uint32Array.from(weights, (_, i) => i);
  // One array holds two lists: indices below the mean from the front, the others from the back.
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

/**
 * Draws an index.
 *
 * @param unit - uniform in [0, 1); times the count, its integer part is the slot and its fraction decides on the alias
 */
export function drawIndex(table: AliasTable, unit: number): number {
  const scaled = unit * table.probability.length;
  const slot = Math.floor(scaled);
  return scaled - slot < (table.probability[slot] as number) ? slot : (table.alias[slot] as number);
}
