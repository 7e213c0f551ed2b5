/** Which addresses of an endpoint lead to it from here. */
import { isLocal, parseAddress, type Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Locality } from '../core/policy.js';

/**
 * Addresses that can be used from here: a unix socket only on its own host, and so a loopback address, unless it is
 * all there is, since from elsewhere it leads to somebody else.
 */
export function reachableAddresses({ host }: Locality, endpoint: Endpoint): readonly Address[] {
  const all = endpoint.addresses.map(parseAddress);
  if (endpoint.host === undefined || endpoint.host === host) return all;
  const reachable = all.filter((address) => !isLocal(address));
  return reachable.length > 0 ? reachable : all.filter((address) => address.socketPath === undefined);
}
