/**
 * Slow start: what has just appeared or come back gets a growing part of its share. Health says since when and for how
 * long; here is how much.
 *
 * Works by weight, under `random`, `weighted`, `load-aware` (so `local-first`) and `least-pending`; `round-robin` leaves
 * out turns. Not under `affinity`, where a key's home must not change with time; not under `primary`, which has only
 * one; and a program's own function sees {@link Candidate.slowStart} and does what it likes.
 */
import type { Candidate } from '../core/candidate.js';
import type { Picker } from '../core/policy.js';
import { expiringPicker } from './expiring-picker.js';
import { relativeWeights } from './weights.js';

/** What the newest gets of its share at least. @see Envoy, `min_weight_percent` */
export const minSlowStartFactor = 0.1;
/** For the sake of newcomers nobody else gets more than so many times its fair share. */
const maxFairShareFactor = 2;

/** How warm each candidate is. */
export interface SlowStartFactors {
  /** In (0, 1], the warmest at 1; undefined where all are alike, so that it makes no difference. */
  readonly factors: Float64Array | undefined;
  /** When to ask again, on the monotonic clock; Infinity when all are warm. */
  readonly expiresAt: number;
}

/**
 * How warm each is: its age over its window, from a tenth to one. In steps of a tenth of the shortest window that is
 * under way, within 100 ms … 1 s.
 *
 * Only what they have of it more than another matters: where all began together, as in the first answer for a name,
 * nobody is spared. And newcomers are spared no further than that the others get twice their fair share: with one old
 * endpoint and 99 new ones, each of these gets half a share at once, not a tenth, or the old one would bear nine times
 * its own.
 *
 * @param weights - of the candidates, ≥ 0; undefined where all are equal
 * @see Envoy, slow start mode, with aggression 1 and without its least age of 1 s
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
  // old + young ≤ burden × (old + floor × young)
  const floor =
    slowStartWeight > 0
      ? (establishedWeight + slowStartWeight - maxFairShareFactor * establishedWeight) /
        (maxFairShareFactor * slowStartWeight)
      : 0;
  const minFactor = Math.max(minSlowStartFactor, floor);
  let [lowest, highest] = [1, 0];
  const each = Float64Array.from(candidates, ({ slowStart }) => {
    const progress =
      slowStart === undefined ? 1 : Math.max(minFactor, (now - slowStart.startedAt) / slowStart.windowMs);
    const factor = progress < 1 ? progress : 1;
    lowest = Math.min(lowest, factor);
    highest = Math.max(highest, factor);
    return factor;
  });
  const until = now + Math.min(1_000, Math.max(100, shortestMs / 10));
  if (lowest === highest) return { factors: undefined, expiresAt: until };
  for (let i = 0; i < each.length; i++) each[i] = (each[i] as number) / highest;
  return { factors: each, expiresAt: until };
}

/**
 * A picker by weight, made anew while somebody is warming up; made once, without a further look, when nobody is.
 *
 * @param make - gets the weights in proportion; undefined where all are equal
 */
export function weightedPicker(
  candidates: readonly Candidate[],
  make: (weights: Float64Array | undefined) => Picker,
): Picker {
  const weights = relativeWeights(candidates);
  if (!anyHasSlowStart(candidates)) return make(weights);
  return expiringPicker((now) => {
    const { factors, expiresAt } = slowStartFactors(candidates, now, weights);
    return { picker: make(multiplyWeights(weights, factors)), expiresAt };
  });
}

/** Whether any of them has a slow start, over or not. */
export function anyHasSlowStart(candidates: readonly Candidate[]): boolean {
  return candidates.some(({ slowStart }) => slowStart !== undefined);
}

/** Products; undefined stands for ones. */
export function multiplyWeights(
  a: Float64Array | undefined,
  b: Float64Array | undefined,
): Float64Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.map((value, i) => value * (b[i] as number));
}

function isInSlowStart(since: number, windowMs: number, now: number): boolean {
  return now - since < windowMs;
}
