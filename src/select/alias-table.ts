/**
 * Vose's alias table: draws an index with a probability in proportion to its weight, from one random number, in
 * constant time whatever the number of weights.
 */

/** A prepared table. Slot `i` stands for index `i` with probability `keep[i]`, and for `other[i]` else. */
export interface AliasTable {
  readonly keep: Float64Array;
  readonly other: Uint32Array;
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
  const keep = weights.map((weight) => (weight / sum) * count);
  // Its own other: what is left over in the end, 1 but for rounding, stays with itself.
  const other = Uint32Array.from(weights, (_, i) => i);
  // Indices below the mean grow from the front of one array, those above it from the back.
  const order = new Uint32Array(count);
  let small = 0;
  let large = count;
  for (let i = 0; i < count; i++) {
    if ((keep[i] as number) < 1) order[small++] = i;
    else order[--large] = i;
  }
  while (small > 0 && large < count) {
    const poor = order[--small] as number;
    const rich = order[large] as number;
    other[poor] = rich;
    keep[rich] = (keep[rich] as number) + (keep[poor] as number) - 1;
    if (keep[rich] < 1) {
      large++;
      order[small++] = rich;
    }
  }
  return { keep, other };
}

/**
 * Draws an index.
 *
 * @param unit - uniform in [0, 1): its integer part times the count says which slot, the rest whether to keep it
 */
export function drawIndex(table: AliasTable, unit: number): number {
  const scaled = unit * table.keep.length;
  const slot = Math.floor(scaled);
  return scaled - slot < (table.keep[slot] as number) ? slot : (table.other[slot] as number);
}
