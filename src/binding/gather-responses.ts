import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { ClerkError } from '../core/errors.js';
import type { EndpointPicker, PickConstraints } from '../invoke/endpoint-picker.js';
import type { AsyncCallOptions } from '../invoke/async-call.js';
import { reserveEndpoint } from '../invoke/reserve-endpoint.js';
import { afterDelay, type CallDeadline } from '../invoke/call-deadline.js';
import { fixedEndpoint, withoutFailover } from '../invoke/fixed-endpoint.js';
import { mapConcurrently } from './map-concurrently.js';
import type { ClerkResponse } from './request-options.js';
import type { BindingCallContext } from './binding-call-context.js';

/** Result of {@link Binding.gather} for an endpoint that responded. */
export interface EndpointSuccess {
  /** True: the endpoint responded, with any status. */
  readonly ok: true;
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** The response of the endpoint. The program must read or discard the response body. */
  readonly response: ClerkResponse;
}

/** Result of {@link Binding.gather} for an endpoint that did not respond. */
export interface EndpointFailure {
  /** False: the endpoint did not respond. */
  readonly ok: false;
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Why the endpoint did not respond. */
  readonly error: ClerkError;
}

/** Result of {@link Binding.gather} for one endpoint. */
export type EndpointResult = EndpointSuccess | EndpointFailure;

/**
 * Sends a request to every endpoint that satisfies the version range, even to an endpoint in connection backoff.
 * @param settings - options of the lookup and of each request; the duration of the lookup counts against the timeout of
 * each request
 * @param send - sends the request to the one endpoint that `picker` picks
 */
export async function gatherResponses(
  context: BindingCallContext,
  settings: AsyncCallOptions,
  send: (picker: EndpointPicker, deadline: CallDeadline) => Promise<ClerkResponse>,
): Promise<EndpointResult[]> {
  const { picker } = context;
  const firstMatching = (): ConnectedCandidate | undefined => picker.candidates().matching[0];
  const unfilteredPicker = withoutFailover({
    policyName: 'gather',
    pickCached: (now) => (picker.isFresh(now) ? firstMatching() : undefined),
    pick: firstMatching,
    prepare: async (constraints: PickConstraints, onServiceConfig: () => void) => {
      await picker.resolve(constraints, onServiceConfig);
    },
    resolvedAt: () => picker.resolvedAt(),
    lookAgain: () => picker.lookAgain(),
    untilChanged: () => picker.untilChanged(),
  });
  const startedAt = context.clock.now();
  await reserveEndpoint(context, unfilteredPicker, settings);
  const elapsedMs = context.clock.now() - startedAt;
  const deadline = {
    ...afterDelay(settings.deadline, elapsedMs, context.serviceTimeoutMs, context.name),
    // Only the lookup waits until an endpoint can be used. The endpoint of each request is already fixed.
    waitsForReady: false,
  };
  return mapConcurrently(picker.candidates().matching, context.maxPending, async (candidate) => {
    const { endpoint } = candidate;
    try {
      return { ok: true, endpoint, response: await send(fixedEndpoint(candidate), deadline) };
    } catch (error) {
      return { ok: false, endpoint, error: error as ClerkError };
    }
  });
}
