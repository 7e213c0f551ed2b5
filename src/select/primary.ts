import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';

/**
 * Sends all calls to one endpoint, the primary: for services with one primary and standbys. The primary is the first
 * endpoint in the order of the resolution. Static addresses keep the order in which they are written; the bundled
 * registry lists the oldest registration first. Draining endpoints, suspect ones and those of weight 0 come last.
 * Other weights, locality, load and slow start are ignored.
 *
 * - The primary **stays** when another endpoint moves ahead of it in the order, and when it registers again.
 * - The primary **changes** only with the registry, so that all clients see the same change: when it is removed,
 *   draining, suspect or of weight 0. The first endpoint in order becomes the new primary.
 * - Calls **bypass** the primary while this client has ejected it, and go to the first open endpoint in order. They
 *   return once it is open again. The primary does not change, since other clients may still reach it.
 *
 * Two clients use different endpoints only while one of them cannot reach the primary, or receives a registry change
 * later. So a service with a single writer must still reject writes at its standbys. With static addresses, which
 * have no state, the primary never changes. Not meant as the inner policy of `localFirst`. Each binding needs its own
 * instance.
 *
 * @see [B8](../../docs/background.md#b8)
 */
export function primary(): Policy {
  /** Instance id of the primary. */
  let primaryId: string | undefined;
  const isPrimary = ({ endpoint }: Candidate): boolean => endpoint.id === primaryId;

  return {
    name: 'primary',
    describe: ({ endpoint }) => (endpoint.id === primaryId ? 'the primary' : undefined),
    prepare({ candidates, all }: PickerInput) {
      const first = candidates[0];
      if (first === undefined) return () => undefined;
      const current = all.find(isPrimary);
      // Looked up in `all`: a retry excludes tried candidates, which must not change the primary.
      if (current === undefined || isDemoted(current, all))
        primaryId = (firstEligible(all) ?? first).endpoint.id;
      const chosen =
        candidates.find((one) => isPrimary(one) && one.status === 'open') ??
        candidates.find(({ status }) => status === 'open') ??
        candidates.find(isPrimary) ??
        first;
      return () => chosen;
    },
  };
}

/** The first endpoint in order that is up and has a weight, if there is one. */
function firstEligible(all: readonly Candidate[]): Candidate | undefined {
  return all.find((one) => !isDemoted(one, all));
}

/** Whether other endpoints precede this one because of its state or its weight. */
function isDemoted({ endpoint }: Candidate, all: readonly Candidate[]): boolean {
  return (
    (endpoint.state !== 'up' && all.some((other) => other.endpoint.state === 'up')) ||
    (endpoint.weight === 0 && all.some((other) => other.endpoint.weight > 0))
  );
}
