/** The same service, chosen from in another way: for calls that go to one endpoint or nowhere. */
import type { ConnectedCandidate } from '../core/candidate.js';
import type { CallContext } from './call-context.js';

/** A site with some of its members replaced. Calls that wait are counted in the site itself. */
export function overrideContext(context: CallContext, overrides: Partial<CallContext>): CallContext {
  const { name, policyName, clock, wheel, health, budget, timeouts, reporter, retry } = context;
  const { connections, maxPending, canStart } = context;
  return {
    ...{ name, policyName, clock, wheel, health, budget, timeouts, reporter, retry },
    ...{ connections, maxPending, canStart, hedging: undefined },
    get serviceTimeoutMs() {
      return context.serviceTimeoutMs;
    },
    get pendingCalls() {
      return context.pendingCalls;
    },
    set pendingCalls(count) {
      context.pendingCalls = count;
    },
    pickCached: (now, wish) => context.pickCached(now, wish),
    pick: (now, wish) => context.pick(now, wish),
    prepare: (wish, learned) => context.prepare(wish, learned),
    isFresh: (now) => context.isFresh(now),
    pickAlternative: (now, wish, tried) => context.pickAlternative(now, wish, tried),
    hasAlternative: (wish, tried) => context.hasAlternative(wish, tried),
    refreshResolution: (suspects) => context.refreshResolution(suspects),
    startService: (triedAt) => context.startService(triedAt),
    startCall: () => context.startCall(),
    finishCall: () => context.finishCall(),
    ...overrides,
  };
}

/** The same service, with nobody but `candidate` to choose. */
export function fixedTo(context: CallContext, candidate: ConnectedCandidate): CallContext {
  return overrideContext(context, {
    policyName: 'pinned',
    canStart: false,
    pickCached: () => candidate,
    pick: () => candidate,
    prepare: () => Promise.resolve(),
    isFresh: () => true,
    pickAlternative: () => undefined,
    hasAlternative: () => false,
    refreshResolution: () => Promise.resolve(),
    startService: () => Promise.resolve(),
  });
}
