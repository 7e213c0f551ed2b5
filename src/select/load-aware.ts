import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { subsetOf } from './subset.js';
import { twoChoicesPicker } from './two-choices.js';

/**
 * Factor on the load of the second drawn endpoint if both drawn endpoints have the same number of calls in flight.
 * Without this factor, at low load the endpoint with the highest average latency would lose every comparison and get no
 * calls.
 */
const tieMargin = 1.5;

/**
 * Threshold for a number of held attempts. Above the threshold, a small difference between the held attempts of two
 * endpoints outweighs a large difference between their latencies.
 */
const fewHeld = 8;

/**
 * P2C peak-EWMA: power of two choices by peak-EWMA load (smoothed latency × calls in flight). Picks the second drawn
 * endpoint if its load is lower than the load of the first, otherwise the first. If both have the same number of calls
 * in flight, the load must be lower by a factor of 1.5. `local-first` uses this policy within a locality tier by
 * default.
 *
 * With unequal weights, the second endpoint gets the call only if both its load and its load per weight are lower than
 * those of the first endpoint. So at equal loads the shares match the weights despite latency noise. The queue of a
 * heavy endpoint does not overload a light endpoint. A slow endpoint loses calls whatever its weight is.
 *
 * Weights in the draw alone would not suffice: of two endpoints, both are always drawn. Weights in the comparison alone
 * would not suffice: at low load, the heaviest endpoint would get all calls.
 *
 * Held attempts, such as WebSockets and event streams, last long. Held attempts are therefore spread by number rather
 * than by latency. Otherwise the endpoint that was fastest while the streams opened would hold most streams.
 *
 * Slow start lowers the weight of a new endpoint, at first to as little as a tenth. If slow start raised the load
 * instead, the newer of two endpoints would get no calls for two thirds of its slow start.
 *
 * @see [Finagle, P2C and peak
 * EWMA](https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded)
 * @see [C2.5](../../docs/guarantees.md#c2-5)
 */
export function loadAware(): Policy {
  return {
    name: 'load-aware',
    allowsTrial: () => true,
    prepare: (input: PickerInput) => twoChoicesPicker(subsetOf(input), isLessLoaded),
  };
}

function isLessLoaded(
  challenger: Candidate,
  incumbent: Candidate,
  now: number,
  weightRatio: number,
): boolean {
  let factor = challenger.pending === incumbent.pending ? tieMargin * weightRatio : weightRatio;
  if (challenger.held !== incumbent.held) factor *= heldFactor(challenger.held, incumbent.held);
  return challenger.load(now) * factor < incumbent.load(now);
}

/**
 * Returns the number by which the load of a candidate is multiplied when two candidates are compared.
 *
 * @param held - number of attempts of the candidate whose response is still being read
 * @param other - the same number of the other candidate
 */
function heldFactor(held: number, other: number): number {
  return ((held + fewHeld) / (other + fewHeld)) ** 8;
}
