import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { subsetOf } from './subset.js';
import { twoChoicesPicker } from './two-choices.js';

/**
 * Ratio of two loads up to which the loads count as equal. Latencies within 10 % of each other are equal; the rest is for
 * the decay since the last response, which differs between endpoints.
 */
const equalLoadRatio = 1.25;

/**
 * Power of two choices (P2C) by calls in flight: picks the endpoint with fewer calls of this client in flight. If both
 * have equal calls in flight, the endpoint with the lower load is picked. Latencies within 10 % of each other count as
 * equal; then the first drawn endpoint is picked.
 *
 * Ignores latency unless the calls in flight are equal, so an endpoint that fails fast looks idle. Prefer `loadAware`
 * unless calls are long and similar.
 *
 * If the second endpoint has a lower weight than the first, `(calls in flight + 1) / weight` is compared.
 */
export function leastPending(): Policy {
  return {
    name: 'least-pending',
    prepare: (input: PickerInput) => twoChoicesPicker(subsetOf(input), hasFewerPending),
  };
}

function hasFewerPending(second: Candidate, first: Candidate, now: number, weightRatio: number): boolean {
  return second.pending === first.pending
    ? second.load(now) * weightRatio * equalLoadRatio < first.load(now)
    : (second.pending + 1) * weightRatio < first.pending + 1;
}
