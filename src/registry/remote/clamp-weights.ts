import type { EndpointInit } from '../../core/endpoint.js';

const maxShare = 10;

/**
 * Limits each weight to ten times the median of the positive weights. An endpoint chooses its own weight, and a large
 * weight would take the calls of all other endpoints. For an even number of weights, the lower of the two middle
 * weights is used as the median.
 */
export function clampWeights(endpoints: readonly EndpointInit[]): readonly EndpointInit[] {
  const weights = endpoints.map(({ weight = 1 }) => weight).filter((weight) => weight > 0);
  if (weights.every((weight) => weight === weights[0])) return endpoints;
  const median = weights.sort((a, b) => a - b)[(weights.length - 1) >> 1] ?? 1;
  const max = maxShare * median;
  return endpoints.map((endpoint) =>
    (endpoint.weight ?? 1) > max ? Object.freeze({ ...endpoint, weight: max }) : endpoint,
  );
}
