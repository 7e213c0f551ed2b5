import { isLocal, parseAddress, type Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import { isSameHost, type Locality } from '../core/locality.js';

/**
 * Returns the addresses at which this host can reach an endpoint. If the endpoint is on another host, leaves out
 * addresses that would lead to this host: Unix sockets, loopback addresses, and enumerated addresses that this host
 * has too. If none is left, returns the loopback addresses that are not in `enumeratedAddresses`.
 */
export function reachableAddresses(
  locality: Locality,
  endpoint: Endpoint,
  hostAddresses: () => readonly string[],
): readonly Address[] {
  const all = endpoint.addresses.map(parseAddress);
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
