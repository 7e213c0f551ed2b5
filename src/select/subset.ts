import type { Candidate } from '../core/candidate.js';
import type { PickerInput } from '../core/policy.js';
import { hashText, mix } from './hash.js';

/** The subset of the candidates that this client uses, or all of them if the service has few endpoints. */
export function subsetOf({ candidates, subset }: PickerInput): readonly Candidate[] {
  return subset === undefined ? candidates : subset(candidates);
}

/**
 * The subset of a service's endpoints that one client uses, so that each client has few connections and all clients
 * together use all endpoints. Picks the `size` candidates with the lowest ranks, in the order given.
 *
 * A rank depends on the seed and the instance id alone (rendezvous hashing), so adding or removing one candidate
 * changes at most one entry of the subset. Weights are ignored: an endpoint of twice the weight is in as many
 * subsets, and gets twice the share in each.
 *
 * @param seed - 32 bits, different for each client
 * @param size - integer ≥ 1, or Infinity
 * @see [gRFC A68](https://github.com/grpc/proposal/blob/master/A68-random-subsetting.md)
 * @see [Finagle, deterministic aperture](https://twitter.github.io/finagle/guide/ApertureLoadBalancers.html), which
 * must know its peers
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

/** 53 bits, so that 10,000 endpoints practically never share a rank. */
function rank(id: string, seed: number): number {
  const hash = hashText(id);
  const leading = mix(hash ^ seed);
  const trailing = mix(leading ^ (hash / 2 ** 32) ^ Math.imul(seed, 0x9e3779b1));
  return (leading >>> 0) * 2 ** 21 + (trailing >>> 11);
}
