import { isLocal, parseAddress, type Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Locality } from '../core/policy.js';

/**
 * Returns the addresses at which this host can reach an endpoint. A loopback address of an endpoint on another host
 * leads to a process on this host. Such an address is returned only when the endpoint has no other network address.
 */
export function reachableAddresses({ host }: Locality, endpoint: Endpoint): readonly Address[] {
  const all = endpoint.addresses.map(parseAddress);
  if (endpoint.host === undefined || endpoint.host === host) return all;
  const reachable = all.filter((address) => !isLocal(address));
  return reachable.length > 0 ? reachable : all.filter((address) => address.socketPath === undefined);
}
