import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';

/**
 * Sends all calls to one endpoint, the primary. Use this policy for services with one primary and standbys. The primary
 * is the first endpoint in the order of the resolution. Static addresses keep the order in which they are written. The
 * bundled registry lists the oldest registration first. Endpoints that are draining, suspect or of weight 0 come last.
 * Positive weights, locality, load and slow start are ignored.
 *
 * - The primary **stays** the same when another endpoint moves ahead in the order, and when the primary registers
 *   again.
 * - The primary **changes** only when the registry removes the primary, or lists the primary as draining, suspect or of
 *   weight 0. So all clients see the same change. The first endpoint in the order becomes the new primary.
 * - Calls **bypass** the primary while this client has ejected it: calls go to the first endpoint in the order that is
 *   not ejected. The primary does not change, since other clients may still reach it.
 *
 * Two clients use different endpoints only while one client cannot reach the primary, or has not yet received a change
 * from the registry. So the standbys of a service with a single writer must still reject writes. Do not use this policy
 * as the inner policy of `localFirst`. Each binding needs its own instance.
 *
 * @see [B8](../../docs/background.md#b8)
 */
export function primary(): Policy {
  /** Instance id of the primary. */
  let primaryId: string | undefined;
  const isPrimary = ({ endpoint }: Candidate): boolean => endpoint.id === primaryId;

  return {
    name: 'primary',
    avoidsFailing: false,
    allowsTrial: (candidate, all) =>
      isPrimary(candidate) || !all.some((one) => isPrimary(one) && one.status === 'open'),
    describe: ({ endpoint }) => (endpoint.id === primaryId ? 'the primary' : undefined),
    prepare({ candidates, all }: PickerInput) {
      const first = candidates[0];
      if (first === undefined) return () => undefined;
      const current = all.find(isPrimary);
      // For a retry, `candidates` lacks the endpoints that were already tried. A retry must not change the primary, so
      // `current` comes from `all`.
      if (current === undefined || isDemoted(current, all))
        primaryId = (all.find((one) => !isDemoted(one, all)) ?? first).endpoint.id;
      const chosen =
        candidates.find((one) => isPrimary(one) && one.status === 'open') ??
        candidates.find(({ status }) => status === 'open') ??
        candidates.find(isPrimary) ??
        first;
      return () => chosen;
    },
  };
}

/**
 * Whether an endpoint must not be the primary. True if the endpoint is not `up` while another endpoint is `up`. Also
 * true if the endpoint has weight 0 while another endpoint has a positive weight.
 */
function isDemoted({ endpoint }: Candidate, all: readonly Candidate[]): boolean {
  return (
    (endpoint.state !== 'up' && all.some((other) => other.endpoint.state === 'up')) ||
    (endpoint.weight === 0 && all.some((other) => other.endpoint.weight > 0))
  );
}
