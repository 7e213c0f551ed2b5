import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { subsetOf } from './subset.js';
import { twoChoicesPicker } from './two-choices.js';

/**
 * Loads count as equal if their ratio is at most this value. The load of an endpoint decays by 12 % in 190 ms without
 * a response. Latencies that differ by 10 % therefore count as equal if the last responses are at most 190 ms apart.
 */
const equalLoadRatio = 1.25;

/**
 * Power of two choices (P2C) by calls in flight. Of two drawn endpoints, picks the endpoint with fewer calls of this
 * client in flight. If both have the same number, and their loads differ by more than 25 %, picks the endpoint with the
 * lower load. If the weights differ, `(calls in flight + 1) / weight` is compared.
 *
 * Latency is ignored while the numbers differ, so an endpoint that fails fast looks idle. Use this policy for calls
 * that are long and similar, and `loadAware` for all others.
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
