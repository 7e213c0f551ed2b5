import { isLocal, parseAddress, type Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Locality } from '../core/policy.js';

/**
 * The addresses of an endpoint that lead to it from this host. A unix socket is reachable only on its own host. A loopback
 * address of another host is used only when there is no other address, since here it leads to another process.
 */
export function reachableAddresses({ host }: Locality, endpoint: Endpoint): readonly Address[] {
  const all = endpoint.addresses.map(parseAddress);
  if (endpoint.host === undefined || endpoint.host === host) return all;
  const reachable = all.filter((address) => !isLocal(address));
  return reachable.length > 0 ? reachable : all.filter((address) => address.socketPath === undefined);
}
