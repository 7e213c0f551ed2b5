/**
 * Everyone in turn. The turn survives changes of the roster: next is the one after the last that was picked, as the
 * order was then, or the first after it that is still there.
 */
import type { Candidate } from '../core/candidate.js';
import type { Policy, Roster } from '../core/policy.js';
import { partOf } from './part.js';
import { mayWarm, warmthOf, type Warmth } from './warmth.js';

/**
 * Round-robin choice, beginning at a random point so that many clerks do not march in step. Weights are ignored, but
 * for 0: such an endpoint is not on the roster while there is any other. A newcomer's turn is left out as often as it is
 * short of its share. As the inner rule of `localFirst` each tier
 * has a turn of its own; the turn of the tier used last survives a change, the others begin at random again.
 */
export function roundRobin(): Policy {
  let order: readonly Candidate[] = [];
  let last = -1;
  return {
    name: 'round-robin',
    prepare(roster: Roster) {
      const candidates = partOf(roster);
      const count = candidates.length;
      if (count === 0) return () => undefined;
      let next = successor(order, last, candidates);
      let warmth: Warmth = { each: undefined, until: mayWarm(candidates) ? -Infinity : Infinity };
      return (context) => {
        if (context.now >= warmth.until) warmth = warmthOf(candidates, context.now, undefined);
        if (next < 0) next = Math.floor(context.random() * count);
        let index = next;
        if (warmth.each !== undefined) index = warmFrom(index, warmth.each, context.random);
        next = index + 1 < count ? index + 1 : 0;
        order = candidates;
        last = index;
        return candidates[index];
      };
    },
  };
}

/** The first from there on that takes its turn. Newcomers never bear less than half of theirs where they are many. */
function warmFrom(index: number, warmth: Float64Array, random: () => number): number {
  for (let left = warmth.length; left > 0; left--) {
    const share = warmth[index] as number;
    if (share === 1 || random() < share) return index;
    index = index + 1 < warmth.length ? index + 1 : 0;
  }
  return index;
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
