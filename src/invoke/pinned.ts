/** The same service, chosen from in another way: for calls that go to one endpoint or nowhere. */
import type { Reachable } from '../core/candidate.js';
import type { Site } from './site.js';

/** A site with some of its members replaced. Calls that wait are counted in the site itself. */
export function seenAs(site: Site, other: Partial<Site>): Site {
  const { name, policyName, clock, wheel, health, budget, limits, reporter, retry } = site;
  const { connections, maxPending, canStart } = site;
  return {
    ...{ name, policyName, clock, wheel, health, budget, limits, reporter, retry },
    ...{ connections, maxPending, canStart, hedging: undefined },
    get recordMs() {
      return site.recordMs;
    },
    get waiting() {
      return site.waiting;
    },
    set waiting(count) {
      site.waiting = count;
    },
    choose: (now, wish) => site.choose(now, wish),
    chooseNow: (now, wish) => site.chooseNow(now, wish),
    prepare: (wish, learned) => site.prepare(wish, learned),
    isWarm: (now) => site.isWarm(now),
    chooseOther: (now, wish, tried) => site.chooseOther(now, wish, tried),
    hasOther: (wish, tried) => site.hasOther(wish, tried),
    lookAgain: (suspects) => site.lookAgain(suspects),
    startAgain: (triedAt) => site.startAgain(triedAt),
    enter: () => site.enter(),
    leave: () => site.leave(),
    ...other,
  };
}

/** The same service, with nobody but `candidate` to choose. */
export function pinned(site: Site, candidate: Reachable): Site {
  return seenAs(site, {
    policyName: 'pinned',
    canStart: false,
    choose: () => candidate,
    chooseNow: () => candidate,
    prepare: () => Promise.resolve(),
    isWarm: () => true,
    chooseOther: () => undefined,
    hasOther: () => false,
    lookAgain: () => Promise.resolve(),
    startAgain: () => Promise.resolve(),
  });
}
