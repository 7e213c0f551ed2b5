import type { PickerInput, Policy } from '../core/policy.js';
import { definedFields } from '../core/defined-fields.js';
import { loadAware } from './load-aware.js';

/**
 * Sends a call to two endpoints at once, uses the first response and cancels the other attempt. Applies only to calls
 * that may be retried, and only while the retry budget allows more than 10 retries.
 *
 * @param inner - policy that picks the first endpoint. Default `loadAware()`.
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 */
export function firstToRespond(inner: Policy = loadAware()): Policy {
  return {
    name: inner.name === 'load-aware' ? 'first-to-respond' : `first-to-respond(${inner.name})`,
    hedges: true,
    ...definedFields({ allowsTrial: inner.allowsTrial }),
    prepare: (input: PickerInput) => inner.prepare(input),
  };
}
