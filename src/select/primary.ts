import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';

/**
 * Sends all calls to one endpoint, the primary: for services with one primary and standbys. The primary is the first
 * endpoint in the order of the resolution: static addresses as they are written, the oldest registration of the bundled
 * registry. Draining and suspect endpoints and endpoints of weight 0 come last. Positive weights, locality, load and slow
 * start are ignored.
 *
 * - The primary **stays** the same when another endpoint moves ahead in the order, and when the primary registers again.
 * - The primary **changes** only when the registry lists it as removed, draining, suspect or of weight 0, so that all
 *   clients see the same change. The first endpoint in the order becomes the new primary.
 * - Calls **bypass** the primary while this client has ejected it: calls go to the first open endpoint in the order. The
 *   primary does not change, since other clients may still reach it.
 *
 * Two clients use different endpoints only while one cannot reach the primary, or has not received a change of the
 * registry yet. So the standbys of a service with a single writer must still reject writes. Do not use this policy as
 * the inner policy of `localFirst`. Each binding needs its own instance.
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
    describe: ({ endpoint }) => (endpoint.id === primaryId ? 'the primary' : undefined),
    prepare({ candidates, all }: PickerInput) {
      const first = candidates[0];
      if (first === undefined) return () => undefined;
      const current = all.find(isPrimary);
      // `current` comes from `all`, not from `candidates`: a retry leaves the endpoints already tried out of
      // `candidates`, and this must not change the primary.
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

/** Whether an endpoint must not be the primary: it is not `up`, or of weight 0, while another endpoint is better. */
function isDemoted({ endpoint }: Candidate, all: readonly Candidate[]): boolean {
  return (
    (endpoint.state !== 'up' && all.some((other) => other.endpoint.state === 'up')) ||
    (endpoint.weight === 0 && all.some((other) => other.endpoint.weight > 0))
  );
}
