import { isLocal, parseAddress } from '../core/address.js';
import type { AddressPolicy } from '../core/address-policy.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Locality } from '../core/locality.js';
import { exclusionOf, type Exclusion } from './reachable-addresses.js';

export interface EndpointExclusion extends Exclusion {
  readonly endpoint: Endpoint;
}

export interface CallableEndpoints {
  readonly endpoints: readonly Endpoint[];
  readonly excluded: readonly EndpointExclusion[];
}

/**
 * Separates the endpoints that this clerk may call from the endpoints that it must not call. An endpoint that has no
 * host, and has a loopback address or a Unix socket, gets the host of this clerk.
 *
 * @param requiresKey - whether endpoints must have keys
 */
export function callableEndpoints(
  listed: readonly Endpoint[],
  locality: Locality,
  hostAddresses: () => readonly string[],
  policy: AddressPolicy,
  requiresKey: boolean,
): CallableEndpoints {
  const endpoints: Endpoint[] = [];
  const excluded: EndpointExclusion[] = [];
  for (const raw of listed) {
    const endpoint =
      raw.host === undefined && raw.addresses.some((text) => isLocal(parseAddress(text)))
        ? { ...raw, host: locality.host, hostId: raw.hostId ?? locality.hostId }
        : raw;
    const exclusion = exclusionOf(locality, endpoint, hostAddresses, policy, requiresKey);
    if (exclusion === undefined) endpoints.push(Object.freeze(endpoint));
    else excluded.push({ ...exclusion, endpoint });
  }
  return { endpoints, excluded };
}
