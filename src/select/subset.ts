/** The part of a large fleet that one clerk uses: many clerks together use all of it, each over few connections. */
import type { Candidate } from '../core/candidate.js';
import type { PickerInput } from '../core/policy.js';
import { hashText, mix } from './hash.js';

/** The candidates of a roster, or the part of them that is used where the fleet is large. */
export function subsetOf({ candidates, subset }: PickerInput): readonly Candidate[] {
  return subset === undefined ? candidates : subset(candidates);
}

/**
 * The `size` candidates that rank first for a seed, in the order given. Everybody's rank goes by the seed and the
 * instance id alone (rendezvous), so a change of one candidate changes one of the part at most, and the next in rank
 * takes the place of one that is not there.
 *
 * Weights do not count: an endpoint of twice the weight is in as many parts, and gets twice the share of each. Counted
 * here too, they would count twice.
 *
 * @param seed - 32 bits; another one for each clerk
 * @param size - integer ≥ 1, or Infinity
 * @see gRFC A68 (random subsetting); Finagle, deterministic aperture, which needs to know one's peers
 */
export function rendezvousSubset<T extends Candidate>(
  candidates: readonly T[],
  seed: number,
  size: number,
): readonly T[] {
  if (candidates.length <= size) return candidates;
  const ranks = Float64Array.from(candidates, ({ endpoint }) => rank(endpoint.id, seed));
  const last = ranks.toSorted()[size - 1] as number;
  return candidates.filter((_, i) => (ranks[i] as number) <= last);
}

/** 53 bits: with 10,000 endpoints no two share one. */
function rank(id: string, seed: number): number {
  const hash = hashText(id);
  const leading = mix(hash ^ seed);
  const trailing = mix(leading ^ (hash / 2 ** 32) ^ Math.imul(seed, 0x9e3779b1));
  return (leading >>> 0) * 2 ** 21 + (trailing >>> 11);
}
