import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { subsetOf } from './subset.js';
import { twoChoicesPicker } from './two-choices.js';

/**
 * Ratio of two loads up to which the loads count as equal. A factor of 1.1 allows for latencies that differ by 10 %.
 * The rest of the ratio allows for the decay of the load since the last response.
 */
const equalLoadRatio = 1.25;

/**
 * Power of two choices (P2C) by calls in flight: of two drawn endpoints, picks the one with fewer calls of this client
 * in flight. If both have the same number of calls in flight, picks the one with the lower load. If the latencies are
 * within 10 % of each other, the loads count as equal, and the first drawn endpoint is picked.
 *
 * If the numbers of calls in flight differ, latency is ignored. Therefore, an endpoint that fails fast looks idle. Use
 * this policy for calls that are long and similar, and `loadAware` for all other calls.
 *
 * If the second endpoint has a lower weight than the first, `(calls in flight + 1) / weight` is compared.
 */
export function leastPending(): Policy {
  return {
    name: 'least-pending',
    allowsTrial: () => true,
    prepare: (input: PickerInput) => twoChoicesPicker(subsetOf(input), hasFewerPending),
  };
}

function hasFewerPending(second: Candidate, first: Candidate, now: number, weightRatio: number): boolean {
  return second.pending === first.pending
    ? second.load(now) * weightRatio * equalLoadRatio < first.load(now)
    : (second.pending + 1) * weightRatio < first.pending + 1;
}
