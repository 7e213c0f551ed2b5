/**
 * Copies of a {@link CallContext} that pick endpoints in another way than the binding, e.g. always the same endpoint.
 */
import type { ConnectedCandidate } from '../core/candidate.js';
import type { CallContext } from './call-context.js';

/**
 * Returns a copy of `context` with `overrides` applied and without hedging. A change of `pendingCalls` in the copy also
 * changes `pendingCalls` of `context`.
 */
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
    pickCached: (now, constraints) => context.pickCached(now, constraints),
    pick: (now, constraints) => context.pick(now, constraints),
    prepare: (constraints, onServiceConfig) => context.prepare(constraints, onServiceConfig),
    isFresh: (now) => context.isFresh(now),
    pickAlternative: (now, constraints, tried) => context.pickAlternative(now, constraints, tried),
    hasAlternative: (constraints, tried) => context.hasAlternative(constraints, tried),
    refreshResolution: (suspects) => context.refreshResolution(suspects),
    startService: (attemptedAt) => context.startService(attemptedAt),
    startCall: () => context.startCall(),
    finishCall: () => context.finishCall(),
    ...overrides,
  };
}

/**
 * Returns a copy of `context` in which `candidate` is the only endpoint. Calls neither fail over nor start the service.
 */
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
