import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { subsetOf } from './subset.js';
import { twoChoicesPicker } from './two-choices.js';

/**
 * If both drawn endpoints have the same number of calls in flight, the load of the second is multiplied by this factor.
 * Without the factor, an endpoint that is slightly slower than all others would get no calls at low load.
 */
const tieMargin = 1.5;

/**
 * Above this number of held attempts, a small difference in their number outweighs a large difference in latency. The
 * response of a held attempt has begun and not ended.
 */
const fewHeld = 8;

/**
 * P2C peak-EWMA: power of two choices by peak-EWMA load (smoothed latency × calls in flight). Picks the drawn
 * endpoint with the lower load. If both have the same number of calls in flight, the second is picked only if its
 * load is lower by a factor of 1.5. `local-first` uses this policy by default within a locality tier.
 *
 * With unequal weights, the second endpoint gets the call only if both its load and its load per weight are lower. At
 * equal loads the shares match the weights.
 *
 * Held attempts, such as WebSockets and event streams, last long, and are spread by number rather than by latency. If
 * latency decided, the endpoint that was fastest while the streams opened would get most streams.
 *
 * Slow start lowers the weight of a new endpoint, at first to as little as a tenth.
 *
 * @see [Finagle, P2C and peak
 * EWMA](https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded)
 * @see [decision 013](../../docs/decisions/013-slow-start-by-weight.md)
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

function heldFactor(held: number, other: number): number {
  return ((held + fewHeld) / (other + fewHeld)) ** 8;
}
