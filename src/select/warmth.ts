/**
 * Slow start: what has just appeared or come back gets a growing part of its share. Health says since when and for how
 * long; here is how much.
 *
 * Works by weight, under `random`, `weighted`, `load-aware` (so `local-first`) and `least-pending`; `round-robin` leaves
 * out turns. Not under `affinity`, where a key's home must not change with time; not under `primary`, which has only
 * one; and a program's own function sees {@link Candidate.warming} and does what it likes.
 */
import type { Candidate } from '../core/candidate.js';
import type { Picker } from '../core/policy.js';
import { renewed } from './renewed.js';
import { relativeWeights } from './weights.js';

/** What the newest gets of its share at least. @see Envoy, `min_weight_percent` */
export const leastWarmth = 0.1;
/** For the sake of newcomers nobody else gets more than so many times its fair share. */
const mostBurden = 2;

/** How warm each candidate is. */
export interface Warmth {
  /** In (0, 1], the warmest at 1; undefined where all are alike, so that it makes no difference. */
  readonly each: Float64Array | undefined;
  /** When to ask again, on the monotonic clock; Infinity when all are warm. */
  readonly until: number;
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
export function warmthOf(
  candidates: readonly Candidate[],
  now: number,
  weights: Float64Array | undefined,
): Warmth {
  let young = 0;
  let old = 0;
  let shortestMs = Infinity;
  for (let i = 0; i < candidates.length; i++) {
    const { warming } = candidates[i] as Candidate;
    const weight = weights === undefined ? 1 : (weights[i] as number);
    if (warming !== undefined && isUnderWay(warming.since, warming.windowMs, now)) {
      young += weight;
      shortestMs = Math.min(shortestMs, warming.windowMs);
    } else {
      old += weight;
    }
  }
  if (shortestMs === Infinity) return { each: undefined, until: Infinity };
  // old + young ≤ burden × (old + floor × young)
  const floor = young > 0 ? (old + young - mostBurden * old) / (mostBurden * young) : 0;
  const least = Math.max(leastWarmth, floor);
  let [lowest, highest] = [1, 0];
  const each = Float64Array.from(candidates, ({ warming }) => {
    const share = warming === undefined ? 1 : Math.max(least, (now - warming.since) / warming.windowMs);
    const warmth = share < 1 ? share : 1;
    lowest = Math.min(lowest, warmth);
    highest = Math.max(highest, warmth);
    return warmth;
  });
  const until = now + Math.min(1_000, Math.max(100, shortestMs / 10));
  if (lowest === highest) return { each: undefined, until };
  for (let i = 0; i < each.length; i++) each[i] = (each[i] as number) / highest;
  return { each, until };
}

/**
 * A picker by weight, made anew while somebody is warming up; made once, without a further look, when nobody is.
 *
 * @param make - gets the weights in proportion; undefined where all are equal
 */
export function byWeight(
  candidates: readonly Candidate[],
  make: (weights: Float64Array | undefined) => Picker,
): Picker {
  const weights = relativeWeights(candidates);
  if (!mayWarm(candidates)) return make(weights);
  return renewed((now) => {
    const { each, until } = warmthOf(candidates, now, weights);
    return { picker: make(times(weights, each)), until };
  });
}

/** Whether any of them has a slow start, over or not. */
export function mayWarm(candidates: readonly Candidate[]): boolean {
  return candidates.some(({ warming }) => warming !== undefined);
}

/** Products; undefined stands for ones. */
export function times(a: Float64Array | undefined, b: Float64Array | undefined): Float64Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.map((value, i) => value * (b[i] as number));
}

function isUnderWay(since: number, windowMs: number, now: number): boolean {
  return now - since < windowMs;
}
