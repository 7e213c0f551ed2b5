/**
 * Everyone in turn. The turn survives changes of the roster: next is the one after the last that was picked, as the
 * order was then, or the first after it that is still there.
 */
import type { Candidate } from '../core/candidate.js';
import type { Policy, Roster } from '../core/policy.js';

/**
 * Round-robin choice, beginning at a random point so that many clerks do not march in step. Weights are ignored, but
 * for 0: such an endpoint is not on the roster while there is any other. As the inner rule of `localFirst` each tier
 * has a turn of its own; the turn of the tier used last survives a change, the others begin at random again.
 */
export function roundRobin(): Policy {
  let order: readonly Candidate[] = [];
  let last = -1;
  return {
    name: 'round-robin',
    prepare({ candidates }: Roster) {
      const count = candidates.length;
      if (count === 0) return () => undefined;
      let next = successor(order, last, candidates);
      return (context) => {
        if (next < 0) next = Math.floor(context.random() * count);
        const index = next;
        next = index + 1 < count ? index + 1 : 0;
        order = candidates;
        last = index;
        return candidates[index];
      };
    },
  };
}

/** Where in `now` the turn goes on that stands at `last` in `before`; -1 when nobody is left from before. */
function successor(before: readonly Candidate[], last: number, now: readonly Candidate[]): number {
  const places = new Map(now.map((candidate, index) => [candidate, index]));
  const here = places.get(before[last] as Candidate);
  if (here !== undefined) return (here + 1) % now.length;
  for (let step = 1; step < before.length; step++) {
    const place = places.get(before[(last + step) % before.length] as Candidate);
    if (place !== undefined) return place;
  }
  return -1;
}
