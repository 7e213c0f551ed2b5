import type { EndpointInit } from '../core/endpoint.js';
import { loadError } from '../core/load-report.js';
import type { BoundResolution } from '../core/registry.js';
import type { EndpointMessage, ResolveResponse } from './messages.js';

/** Converts the response for a service into the form of the registry port. */
export function decodeResolution(response: ResolveResponse): BoundResolution {
  const { canonical, endpoints, policy, timeoutMs, attemptTimeoutMs, retries, path } = response;
  const { revision, incarnation, guaranteedMs, ttlMs, launchable, healthQueried } = response;
  return Object.freeze({
    kind: 'bound',
    endpoints: Object.freeze(endpoints.map(decodeEndpoint)),
    ...{ canonical, path, revision, incarnation, ttlMs },
    // 0 means no guarantee: only `ttlMs` then limits the use of the result.
    ...(guaranteedMs !== 0 && { guaranteedMs }),
    ...(policy !== null && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(attemptTimeoutMs !== undefined && { attemptTimeoutMs }),
    ...(retries !== undefined && { retries }),
    ...(launchable && { startable: true }),
    ...(healthQueried !== undefined && { healthQueried }),
  });
}

/** Converts an endpoint into the form of the registry port. */
export function decodeEndpoint({ host, zone, version, load, ...rest }: EndpointMessage): EndpointInit {
  return Object.freeze({
    ...rest,
    ...(host !== null && { host }),
    ...(zone !== null && { zone }),
    ...(version !== null && { version }),
    // An endpoint sends its load with each renewal, every third of a lease, so half a lease is its largest age. An
    // invalid load is ignored.
    ...(load !== undefined &&
      loadError(load) === undefined && { load: { ...load, ageMs: rest.leaseMs / 2 } }),
  });
}
