/** Asks two at once and takes the answer that comes first: for calls where time is worth more than load. */
import type { Policy, PickerInput } from '../core/policy.js';
import { loadAware } from './load-aware.js';

/**
 * Chooses by `inner`, and asks a second endpoint at the same time, if the call may be repeated and the budget of repeats
 * has more than half of its reserve left; else it is `inner` alone. Two are asked and never more. The one that is not
 * needed is cut off.
 *
 * @param inner - chooses the first. Default `loadAware()`.
 * @see "A Distributed Systems Architecture for the 1990's" (first to respond); promises C4.1
 */
export function firstToRespond(inner: Policy = loadAware()): Policy {
  return {
    name: inner.name === 'load-aware' ? 'first-to-respond' : `first-to-respond(${inner.name})`,
    hedges: true,
    prepare: (roster: PickerInput) => inner.prepare(roster),
  };
}
