import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';

/**
 * Sends all calls to one endpoint, the primary, for services with one primary and standbys. The primary is the first
 * endpoint in the order of the resolution. Static addresses keep the order in which they are written. The bundled
 * registry lists the oldest registration first. Weights above 0, locality, load and slow start are ignored.
 *
 * - The primary **stays** when another endpoint moves ahead in the order, and when the primary registers again.
 * - The primary **changes** only when the registry removes the primary, or lists the primary as draining or suspect, or
 * with weight 0. All clients therefore see the same change.
 * - Calls **bypass** the primary while this client has ejected the primary. These calls go to the first endpoint that
 * is not ejected.
 *
 * Two clients may use different endpoints for a short time, so the standbys of a service with a single writer must
 * reject writes. Do not use this policy as the inner policy of `localFirst`. Each binding needs its own instance.
 *
 * @see [B8](../../docs/background.md#b8)
 */
export function primary(): Policy {
  let primaryId: string | undefined;
  const isPrimary = ({ endpoint }: Candidate): boolean => endpoint.id === primaryId;

  return {
    name: 'primary',
    avoidsSuspects: false,
    allowsTrial: (candidate, all) =>
      isPrimary(candidate) || !all.some((one) => isPrimary(one) && one.status === 'open'),
    describe: ({ endpoint }) => (endpoint.id === primaryId ? 'the primary' : undefined),
    prepare({ candidates, all }: PickerInput) {
      const first = candidates[0];
      if (first === undefined) return () => undefined;
      const current = all.find(isPrimary);
      // A retry must not change the primary. The `candidates` of a retry lack the tried endpoints, so `current` comes
      // from `all`.
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
 * True if the endpoint is not `up` while another endpoint is `up`, or if its weight is 0 while another weight is
 * positive.
 */
function isDemoted({ endpoint }: Candidate, all: readonly Candidate[]): boolean {
  return (
    (endpoint.state !== 'up' && all.some((other) => other.endpoint.state === 'up')) ||
    (endpoint.weight === 0 && all.some((other) => other.endpoint.weight > 0))
  );
}
