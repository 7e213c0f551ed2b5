import { isLocal, parseAddress, type Address } from '../core/address.js';
import type { AddressPolicy } from '../core/address-policy.js';
import type { Endpoint } from '../core/endpoint.js';
import { isSameHost, type Locality } from '../core/locality.js';

/**
 * Returns the addresses at which this host can reach an endpoint. If the endpoint is on another host, leaves out
 * addresses that would lead to this host: Unix sockets, loopback addresses, and enumerated addresses that this host
 * has too. If none is left, returns the loopback addresses that are not in `enumeratedAddresses`. Leaves out addresses
 * that the policy refuses.
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
  // Without TLS, an endpoint cannot prove its key.
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
 * Returns why this clerk must not call an endpoint; undefined if it may.
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
        "the registry states no key of the endpoint, and this clerk requires proof; advertise the endpoint with an identity, or set tickets: 'offered'",
    };
  const fromThisHost = fromHere(locality, endpoint, hostAddresses);
  const problems = fromThisHost
    .map((address) => policy.problemOf(address))
    .filter((each) => each !== undefined);
  if (fromThisHost.length > problems.length) return undefined;
  if (problems.length > 0)
    return {
      code: 'NO_ENDPOINT',
      reason: `the clerk does not connect to its addresses: ${problems.join('; ')}`,
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
