/**
 * Minimum factor of an endpoint in slow start. An endpoint that is new, or was ejected, gets a growing part of its
 * share of calls. The factors scale the weights, except in `round-robin`, which skips turns instead.
 */
import type { Candidate } from '../core/candidate.js';
import type { Picker } from '../core/policy.js';
import { expiringPicker } from './expiring-picker.js';
import { relativeWeights } from './weights.js';

const minSlowStartFactor = 0.1;
/** While other endpoints are in slow start, an endpoint gets at most this multiple of its fair share of the calls. */
const maxFairShareFactor = 2;

export interface SlowStartFactors {
  /** One factor per candidate; the highest factor is 1. Undefined if all factors are equal. */
  readonly factors: Float64Array | undefined;
  readonly expiresAt: number;
}

/**
 * During slow start, the factor of an endpoint is the elapsed part of its slow-start window, at least 0.1. All other
 * factors are 1. Factors are raised so that no endpoint gets more than twice its fair share. Example: with one
 * established endpoint, each of 99 new endpoints starts with half a share instead of a tenth.
 * @param weights - undefined when all weights are equal
 * @see [Envoy, slow start
 * mode](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start), here
 * with aggression 1 and without the minimum age of 1 s
 */
export function slowStartFactors(
  candidates: readonly Candidate[],
  now: number,
  weights: Float64Array | undefined,
): SlowStartFactors {
  let slowStartWeight = 0;
  let establishedWeight = 0;
  let shortestMs = Infinity;
  for (let i = 0; i < candidates.length; i++) {
    const { slowStart } = candidates[i] as Candidate;
    const weight = weights === undefined ? 1 : (weights[i] as number);
    if (slowStart !== undefined && now - slowStart.startedAt < slowStart.windowMs) {
      slowStartWeight += weight;
      shortestMs = Math.min(shortestMs, slowStart.windowMs);
    } else {
      establishedWeight += weight;
    }
  }
  if (shortestMs === Infinity) return { factors: undefined, expiresAt: Infinity };
  // The lowest factor for which established + new ≤ maxFairShareFactor × (established + factor × new), where
  // `established` and `new` are sums of weights.
  const floor =
    slowStartWeight > 0
      ? (establishedWeight + slowStartWeight - maxFairShareFactor * establishedWeight) /
        (maxFairShareFactor * slowStartWeight)
      : 0;
  const minFactor = Math.max(minSlowStartFactor, floor);
  let [lowest, highest] = [1, 0];
  const factors = Float64Array.from(candidates, ({ slowStart }) => {
    const progress =
      slowStart === undefined ? 1 : Math.max(minFactor, (now - slowStart.startedAt) / slowStart.windowMs);
    const factor = progress < 1 ? progress : 1;
    lowest = Math.min(lowest, factor);
    highest = Math.max(highest, factor);
    return factor;
  });
  const expiresAt = now + Math.min(1_000, Math.max(100, shortestMs / 10));
  if (lowest === highest) return { factors: undefined, expiresAt };
  for (let i = 0; i < factors.length; i++) factors[i] = (factors[i] as number) / highest;
  return { factors, expiresAt };
}

/**
 * Returns a picker that applies weights and slow start.
 * @param create - creates a picker from the relative weights; undefined stands for equal weights. Called again during
 * a slow start; never called for fewer than two candidates
 */
export function weightedPicker(
  candidates: readonly Candidate[],
  create: (weights: Float64Array | undefined) => Picker,
): Picker {
  if (candidates.length < 2) {
    const sole = candidates[0];
    return () => sole;
  }
  const weights = relativeWeights(candidates);
  if (!anyHasSlowStart(candidates)) return create(weights);
  return expiringPicker((now) => {
    const { factors, expiresAt } = slowStartFactors(candidates, now, weights);
    return { picker: create(multiplyWeights(weights, factors)), expiresAt };
  });
}

/** Whether a candidate is or was in slow start. A slow start that has ended also counts. */
export function anyHasSlowStart(candidates: readonly Candidate[]): boolean {
  return candidates.some(({ slowStart }) => slowStart !== undefined);
}

/** Multiplies two lists of weights. An undefined list counts as a list of ones. */
export function multiplyWeights(
  a: Float64Array | undefined,
  b: Float64Array | undefined,
): Float64Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.map((value, i) => value * (b[i] as number));
}
