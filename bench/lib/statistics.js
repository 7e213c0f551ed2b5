/** Quantiles, five-number summaries, and seeded random numbers. */

/**
 * @typedef {object} Spread
 * @property {number} min
 * @property {number} p25
 * @property {number} median
 * @property {number} p75
 * @property {number} max
 * @property {number} count
 */

/**
 * Quantile by linear interpolation between the two nearest ranks; NaN without values.
 *
 * @param {ArrayLike<number>} values - in any order
 * @param {number} q - 0 to 1
 */
export function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return NaN;
  const rank = (sorted.length - 1) * q;
  const low = Math.floor(rank);
  const high = Math.ceil(rank);
  if (sorted[low] === sorted[high]) return sorted[low];
  return sorted[low] + (sorted[high] - sorted[low]) * (rank - low);
}

/** @param {ArrayLike<number>} values */
export const median = (values) => quantile(values, 0.5);

/**
 * @param {ArrayLike<number>} values
 * @returns {Spread}
 */
export function spread(values) {
  const [min, p25, mid, p75, max] = [0, 0.25, 0.5, 0.75, 1].map((q) => quantile(values, q));
  return { min, p25, median: mid, p75, max, count: values.length };
}

/**
 * Uniform in [0, 1), the same sequence for the same seed (mulberry32).
 *
 * @param {number} seed
 */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A shuffled copy (Fisher–Yates).
 *
 * @template T
 * @param {readonly T[]} items
 * @param {() => number} random
 */
export function shuffled(items, random) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
