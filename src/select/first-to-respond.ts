import type { PickerInput, Policy } from '../core/policy.js';
import { loadAware } from './load-aware.js';

/**
 * Sends a call to two endpoints at once and uses the first response: lower latency for more load. The other attempt is
 * cancelled. Only retryable calls are hedged, and only while the retry budget has more than half of its reserve left.
 *
 * @param inner - picks the first endpoint. Default `loadAware()`.
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 */
export function firstToRespond(inner: Policy = loadAware()): Policy {
  return {
    name: inner.name === 'load-aware' ? 'first-to-respond' : `first-to-respond(${inner.name})`,
    hedges: true,
    prepare: (input: PickerInput) => inner.prepare(input),
  };
}
