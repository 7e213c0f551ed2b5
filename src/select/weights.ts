/** Weights as choosing needs them: relative to each other, and absent when they make no difference. */
import type { Candidate } from '../core/candidate.js';

/**
 * Weights of the candidates, scaled so that their mean is 1; undefined when all are equal, which includes "all 0"
 * (standbys that are used because nothing else is left are equals). Positive weights stay positive: none falls below
 * 1e-9 of the mean. Scaling goes by the largest first, so that no finite weight overflows.
 */
export function relativeWeights(candidates: readonly Candidate[]): Float64Array | undefined {
  const first = candidates[0]?.endpoint.weight;
  if (candidates.every((candidate) => candidate.endpoint.weight === first)) return undefined;
  const largest = candidates.reduce((most, candidate) => Math.max(most, candidate.endpoint.weight), 0);
  const weights = Float64Array.from(candidates, (candidate) => candidate.endpoint.weight / largest);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight, i) =>
    candidates[i]?.endpoint.weight === 0 ? 0 : Math.max(weight / mean, 1e-9),
  );
}
