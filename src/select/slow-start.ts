/**
 * Slow start: an endpoint that is new or was ejected gets a growing part of its share. Health sets the start and the
 * window; this file computes the factors.
 *
 * The factors scale the weights in `random`, `weighted`, `load-aware`, `local-first` and `least-pending`.
 * `round-robin` skips turns. `affinity` and `primary` ignore slow start. A policy function of the application can
 * read {@link Candidate.slowStart}.
 */
import type { Candidate } from '../core/candidate.js';
import type { Picker } from '../core/policy.js';
import { expiringPicker } from './expiring-picker.js';
import { relativeWeights } from './weights.js';

/** Lower bound of a factor, as Envoy's `min_weight_percent`. */
export const minSlowStartFactor = 0.1;
/** Slow start never raises the share of another endpoint above this multiple of its fair share. */
const maxFairShareFactor = 2;

/** The slow-start factor of each candidate. */
export interface SlowStartFactors {
  /** In (0, 1], the highest is 1; undefined when all are equal. */
  readonly factors: Float64Array | undefined;
  /** When to recompute them, on the monotonic clock; Infinity when no slow start is in progress. */
  readonly expiresAt: number;
}

/**
 * Computes the factors: the time since the start over the window, from 0.1 to 1. Recomputed every tenth of the
 * shortest window in progress, within 100 ms … 1 s.
 *
 * Only differences matter: if all endpoints started together, as in the first resolution, all factors are equal. The
 * ramp-up is limited so that established endpoints never get more than twice their fair share. With one established
 * endpoint and 99 new ones, each new one gets half a share at once, not a tenth.
 *
 * @param weights - weights of the candidates, ≥ 0; undefined when all are equal
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
    if (slowStart !== undefined && isInSlowStart(slowStart.startedAt, slowStart.windowMs, now)) {
      slowStartWeight += weight;
      shortestMs = Math.min(shortestMs, slowStart.windowMs);
    } else {
      establishedWeight += weight;
    }
  }
  if (shortestMs === Infinity) return { factors: undefined, expiresAt: Infinity };
  // established + new ≤ maxFairShareFactor × (established + floor × new)
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
 * A picker by weight and slow start. Created once, or repeatedly while a slow start is in progress.
 *
 * @param create - gets the relative weights; undefined when all are equal
 */
export function weightedPicker(
  candidates: readonly Candidate[],
  create: (weights: Float64Array | undefined) => Picker,
): Picker {
  const weights = relativeWeights(candidates);
  if (!anyHasSlowStart(candidates)) return create(weights);
  return expiringPicker((now) => {
    const { factors, expiresAt } = slowStartFactors(candidates, now, weights);
    return { picker: create(multiplyWeights(weights, factors)), expiresAt };
  });
}

/** Whether any candidate has a slow start, completed or in progress. */
export function anyHasSlowStart(candidates: readonly Candidate[]): boolean {
  return candidates.some(({ slowStart }) => slowStart !== undefined);
}

/** Multiplies element by element; undefined stands for all 1. */
export function multiplyWeights(
  a: Float64Array | undefined,
  b: Float64Array | undefined,
): Float64Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.map((value, i) => value * (b[i] as number));
}

function isInSlowStart(startedAt: number, windowMs: number, now: number): boolean {
  return now - startedAt < windowMs;
}
