/** Everything to one endpoint, as long as it is there: for services of which one is the primary and the rest stand by. */
import type { Candidate } from '../core/candidate.js';
import type { Policy, PickerInput } from '../core/policy.js';

/**
 * The first endpoint in the registry's order, and then no other while the registry stands by it. The order is that of the
 * answer: of static addresses as they were written; of the reference server as they registered, the oldest first.
 * `draining`, `suspect` and weight 0 come after all others; weights do not count else, nor does nearness, load or slow
 * start.
 *
 * - It **stays**, whoever comes to stand before it, and when it registers anew.
 * - It **moves** when the registry says so, which all programs hear alike: its endpoint is gone, or marked draining,
 *   suspect or weight 0. Then the first in order is taken, and kept in the same way.
 * - It **goes round** its endpoint while this clerk has set that aside: to the first in order that is open. That is no
 *   move. Once the endpoint is well again the calls are back with it, since one clerk that cannot reach it, or found it
 *   slow for once, is no reason to leave those who can.
 *
 * So two programs hold different ones only for as long as one of them cannot reach what the other can, or hears the
 * registry later: a service with one writer must refuse calls at its other replicas. With a registry that says nothing
 * of its endpoints, as static addresses do, it goes round and never moves. Not meant as the inner rule of `localFirst`,
 * and with an own instance for each binding.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8 (clients that judge on their own disagree)
 */
export function primary(): Policy {
  /** Whom the calls go to. */
  let primaryId: string | undefined;
  const isPrimary = ({ endpoint }: Candidate): boolean => endpoint.id === primaryId;

  return {
    name: 'primary',
    describe: ({ endpoint }) => (endpoint.id === primaryId ? 'the primary' : undefined),
    prepare({ candidates, all }: PickerInput) {
      const first = candidates[0];
      if (first === undefined) return () => undefined;
      const current = all.find(isPrimary);
      // Those to choose from may be fewer than all: a call that was tried elsewhere moves nothing.
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

/** The first in order of whom the registry says nothing ill, where there is one. */
function firstEligible(all: readonly Candidate[]): Candidate | undefined {
  return all.find((one) => !isDemoted(one, all));
}

/** Whether the registry puts it behind others now. */
function isDemoted({ endpoint }: Candidate, all: readonly Candidate[]): boolean {
  return (
    (endpoint.state !== 'up' && all.some((other) => other.endpoint.state === 'up')) ||
    (endpoint.weight === 0 && all.some((other) => other.endpoint.weight > 0))
  );
}
