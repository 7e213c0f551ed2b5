import type { ConnectedCandidate } from '../core/candidate.js';
import type { EndpointPicker } from './endpoint-picker.js';

export function withoutFailover(
  picks: Pick<EndpointPicker, 'policyName' | 'pickCached' | 'pick' | 'prepare'> & Partial<EndpointPicker>,
): EndpointPicker {
  return {
    canStart: false,
    trialDueAt: Infinity,
    pickTrial: () => undefined,
    isReplaced: () => false,
    isFresh: () => true,
    pickAlternative: () => undefined,
    hasAlternative: () => false,
    refreshResolution: () => Promise.resolve(),
    resolvedAt: () => Infinity,
    lookAgain: () => Promise.resolve(),
    untilChanged: () => Promise.resolve(),
    startService: () => Promise.resolve(),
    ...picks,
  };
}

export function fixedEndpoint(candidate: ConnectedCandidate): EndpointPicker {
  return withoutFailover({
    policyName: 'pinned',
    pickCached: () => candidate,
    pick: () => candidate,
    prepare: () => Promise.resolve(),
  });
}
