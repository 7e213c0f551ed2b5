import type { Candidate } from '../core/candidate.js';
import type { PickerInput } from '../core/policy.js';
import { hashText, mix } from './hash.js';

export function subsetOf({ candidates, subset }: PickerInput): readonly Candidate[] {
  return subset === undefined ? candidates : subset(candidates);
}

/**
 * Returns the `size` candidates with the lowest ranks, in the order of `candidates`. A rank depends only on the seed
 * and the instance id (rendezvous hashing), so one added or removed candidate changes at most one entry. Weights are
 * ignored.
 * @param seed - 32 random bits, drawn by each client
 * @see [gRFC A68](https://github.com/grpc/proposal/blob/master/A68-random-subsetting.md)
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

/** Has 53 bits, so equal ranks practically never occur. */
function rank(id: string, seed: number): number {
  const hash = hashText(id);
  const leading = mix(hash ^ seed);
  const trailing = mix(leading ^ (hash / 2 ** 32) ^ Math.imul(seed, 0x9e3779b1));
  return (leading >>> 0) * 2 ** 21 + (trailing >>> 11);
}
