/** A site that knows one candidate only: a call there goes to that endpoint or nowhere. */
import type { Reachable } from '../core/candidate.js';
import type { Site } from './site.js';

/** The same service, with nobody but `candidate` to choose. */
export function pinned(site: Site, candidate: Reachable): Site {
  const { name, clock, wheel, health, budget, limits, reporter, retry, connections, maxPending } = site;
  return {
    name,
    clock,
    wheel,
    health,
    budget,
    limits,
    reporter,
    retry,
    connections,
    maxPending,
    policyName: 'pinned',
    canStart: false,
    // Calls that wait are counted in the site itself.
    get waiting() {
      return site.waiting;
    },
    set waiting(count) {
      site.waiting = count;
    },
    choose: () => candidate,
    chooseNow: () => candidate,
    prepare: () => Promise.resolve(),
    isWarm: () => true,
    chooseOther: () => undefined,
    hasOther: () => false,
    lookAgain: () => Promise.resolve(),
    startAgain: () => Promise.resolve(),
    enter: () => {
      site.enter();
    },
    leave: () => {
      site.leave();
    },
  };
}
