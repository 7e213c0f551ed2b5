/**
 * Vose's alias table: draws an index with a probability in proportion to its weight, from one random number, in
 * constant time whatever the number of weights.
 */

/** A prepared table. Slot `i` stands for index `i` with probability `keep[i]`, and for `other[i]` else. */
export interface AliasTable {
  readonly probability: Float64Array;
  readonly alias: Uint32Array;
}

/**
 * Builds the table, in time proportional to the number of weights.
 *
 * @param weights - at least one; finite, ≥ 0, with a positive finite sum
 * @see Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution" (1991)
 */
export function aliasTable(weights: Float64Array): AliasTable {
  const count = weights.length;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const probability = weights.map((weight) => (weight / sum) * count);
  // Its own other: what is left over in the end, 1 but for rounding, stays with itself.
  const alias = Uint32Array.from(weights, (_, i) => i);
  // Indices below the mean grow from the front of one array, those above it from the back.
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
 * @param unit - uniform in [0, 1): its integer part times the count says which slot, the rest whether to keep it
 */
export function drawIndex(table: AliasTable, unit: number): number {
  const scaled = unit * table.probability.length;
  const slot = Math.floor(scaled);
  return scaled - slot < (table.probability[slot] as number) ? slot : (table.alias[slot] as number);
}
