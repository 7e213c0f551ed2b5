import { isLocal, parseAddress, type Address } from '../core/address.js';
import type { AddressPolicy } from '../core/address-policy.js';
import type { Endpoint } from '../core/endpoint.js';
import { isSameHost, type Locality } from '../core/locality.js';

/**
 * Returns the addresses at which this host can reach an endpoint. For an endpoint on another host, omits addresses
 * that would lead to this host: Unix sockets, loopback addresses, and enumerated addresses of this host. If no
 * address is left, returns the loopback addresses that the service states explicitly, because they may be forwarded
 * ports. Omits addresses that the policy refuses.
 */
export function reachableAddresses(
  locality: Locality,
  endpoint: Endpoint,
  hostAddresses: () => readonly string[],
  policy: AddressPolicy,
): readonly Address[] {
  return fromHere(locality, endpoint, hostAddresses).filter(
    (address) => policy.problemOf(address) === undefined,
  );
}

function fromHere(
  locality: Locality,
  endpoint: Endpoint,
  hostAddresses: () => readonly string[],
): readonly Address[] {
  // Without TLS, an endpoint cannot prove its key, so an endpoint with keys is not called at an http: address.
  const all = endpoint.addresses
    .map(parseAddress)
    .filter(({ protocol }) => endpoint.keys.length === 0 || protocol !== 'http');
  const isPlaceKnown = endpoint.host !== undefined || endpoint.hostId !== undefined;
  if (!isPlaceKnown || isSameHost(locality, endpoint)) return all;
  const enumerated = new Set(endpoint.enumeratedAddresses);
  const own = new Set(enumerated.size === 0 ? [] : hostAddresses().map((one) => one.toLowerCase()));
  const reachable = all.filter(
    (address) =>
      !isLocal(address) && !(enumerated.has(address.text) && own.has(address.hostname.toLowerCase())),
  );
  if (reachable.length > 0) return reachable;
  return all.filter(({ socketPath, text }) => socketPath === undefined && !enumerated.has(text));
}

export interface Exclusion {
  readonly code: 'NO_ENDPOINT' | 'ENDPOINT_UNPROVEN';
  readonly reason: string;
}

/**
 * Returns the reason why this clerk must not call an endpoint, or undefined if the clerk may call the endpoint.
 * @param requiresKey - whether endpoints must have keys
 */
export function exclusionOf(
  locality: Locality,
  endpoint: Endpoint,
  hostAddresses: () => readonly string[],
  policy: AddressPolicy,
  requiresKey: boolean,
): Exclusion | undefined {
  if (requiresKey && endpoint.keys.length === 0)
    return {
      code: 'ENDPOINT_UNPROVEN',
      reason:
        "the registry lists no key for the endpoint, and tickets: 'required' of the clerk requires a key; advertise the endpoint with an identity, or set tickets: 'offered' of createClerk()",
    };
  const fromThisHost = fromHere(locality, endpoint, hostAddresses);
  const problems = fromThisHost
    .map((address) => policy.problemOf(address))
    .filter((each) => each !== undefined);
  if (fromThisHost.length > problems.length) return undefined;
  if (problems.length > 0)
    return {
      code: 'NO_ENDPOINT',
      reason: `the clerk refuses to connect to the addresses of the endpoint: ${problems.join('; ')}`,
    };
  if (endpoint.keys.length > 0 && endpoint.addresses.every((text) => parseAddress(text).protocol === 'http'))
    return {
      code: 'ENDPOINT_UNPROVEN',
      reason: 'the endpoint cannot prove its key without TLS; advertise an https: address',
    };
  return {
    code: 'NO_ENDPOINT',
    reason: `the endpoint runs on host ${String(endpoint.host)}, but each of its addresses would lead to this host instead; advertise an address that other hosts can reach`,
  };
}
