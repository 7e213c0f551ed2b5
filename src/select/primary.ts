/** Everything to one endpoint, as long as it is there: for services of which one is the primary and the rest stand by. */
import type { Candidate } from '../core/candidate.js';
import type { Policy, Roster } from '../core/policy.js';

/** So many are remembered as left, of services whose instances come and go; the oldest are forgotten. */
const mostLeft = 1_000;

/**
 * The first endpoint in the registry's order, and then no other while it can be called. The order is that of the answer:
 * of static addresses as they were written; of the reference server as they registered, the oldest first. `draining`,
 * `suspect` and weight 0 come after all others; weights do not count else, nor does nearness, load or slow start.
 *
 * - It **stays** while its endpoint is open, whoever comes to stand before it.
 * - It **moves on** when its endpoint is set aside: to the first in order that it has not left before. One that it has
 *   left stays behind, though it be open again, for what it missed meanwhile only the service itself can know.
 * - It **comes back** when the registry says so: one that it has left and that stands before the present one has
 *   registered anew, with another epoch; or the present one is gone, or marked draining, suspect or weight 0, and then
 *   the first in order is taken, as if nothing had been. And when everybody who is open was left before, since a call
 *   must go somewhere.
 *
 * A single call that fails still goes to another endpoint if it may be repeated, and moves nothing.
 *
 * What it holds is known to one binding, and survives changes of the set. Two bindings, or two programs, can hold
 * different ones after a failure that only one of them saw: a service with one writer must refuse calls at its other
 * replicas. Not meant as the inner rule of `localFirst`, and with an own instance for each binding.
 *
 * @see promises C5.6 (epochs)
 */
export function primary(): Policy {
  /** Whom the calls go to. */
  let held: string | undefined;
  /** Those that were set aside while they were held, by id, with their epoch then. */
  const left = new Map<string, number>();
  const isHeld = ({ endpoint }: Candidate): boolean => endpoint.id === held;
  const isLeft = ({ endpoint }: Candidate): boolean => left.get(endpoint.id) === endpoint.epoch;

  /** Leaves the present one, whoever comes next. */
  function leave({ endpoint }: Candidate): void {
    left.delete(endpoint.id);
    left.set(endpoint.id, endpoint.epoch);
    for (const oldest of left.keys()) {
      if (left.size <= mostLeft) break;
      left.delete(oldest);
    }
  }

  /** The present one, where it can stay; else who comes next, and holds from now on. */
  function chosenOf(first: Candidate, { candidates, all }: Roster): Candidate {
    const present = all.find(isHeld);
    if (present === undefined || isMarked(present, candidates)) {
      left.clear();
      return first;
    }
    if (present.status === 'open') {
      // First in order: itself, or one before it that was left and has registered anew.
      return candidates.find((one) => isHeld(one) || (left.has(one.endpoint.id) && !isLeft(one))) ?? first;
    }
    leave(present);
    const next = candidates.find((one) => one.status === 'open' && !isLeft(one));
    if (next !== undefined) return next;
    left.clear();
    leave(present);
    return candidates.find(({ status }) => status === 'open') ?? first;
  }

  return {
    name: 'primary',
    prepare(roster: Roster) {
      const { candidates, all } = roster;
      const first = candidates[0];
      if (first === undefined) return () => undefined;
      const isOffered = candidates.some(isHeld);
      const isNobodyOpen = candidates.every(({ status }) => status === 'closed');
      if (isNobodyOpen || (!isOffered && all.some((one) => isHeld(one) && stays(one, candidates)))) {
        // Somebody else is asked for this one call: no reason to move.
        const instead = candidates.find(isHeld) ?? candidates.find((one) => !isLeft(one)) ?? first;
        return () => instead;
      }
      const chosen = chosenOf(first, roster);
      held = chosen.endpoint.id;
      return () => chosen;
    },
  };
}

/** Whether it could be called, and nobody has told to go elsewhere. */
function stays(present: Candidate, candidates: readonly Candidate[]): boolean {
  return present.status === 'open' && !isMarked(present, candidates);
}

/** Whether the registry puts it behind others now. */
function isMarked({ endpoint }: Candidate, candidates: readonly Candidate[]): boolean {
  return (
    (endpoint.state !== 'up' && candidates.some((other) => other.endpoint.state === 'up')) ||
    (endpoint.weight === 0 && candidates.some((other) => other.endpoint.weight > 0))
  );
}
