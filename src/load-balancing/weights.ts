import type { Candidate } from '../core/candidate.js';

/**
 * Returns weights with a mean of 1; undefined if all weights are equal. A positive weight is at least 1e-9, so that
 * scaling never makes the weight 0.
 */
export function relativeWeights(candidates: readonly Candidate[]): Float64Array | undefined {
  const first = candidates[0]?.endpoint.weight;
  if (candidates.every((candidate) => candidate.endpoint.weight === first)) return undefined;
  const largest = candidates.reduce((most, candidate) => Math.max(most, candidate.endpoint.weight), 0);
  // Without the division by the largest weight, the sum could overflow.
  const weights = Float64Array.from(candidates, (candidate) => candidate.endpoint.weight / largest);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight, i) =>
    candidates[i]?.endpoint.weight === 0 ? 0 : Math.max(weight / mean, 1e-9),
  );
}
