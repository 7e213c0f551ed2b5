import { isLocal, type Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import { isSameHost } from '../core/locality.js';
import type { TransportOptions } from '../core/transport.js';
import type { ExpectedInstance } from './instance-check.js';

/**
 * Returns the instance that the endpoint must name on each new connection. Returns undefined if connections need no
 * check: either the endpoint does not name its instance, or the address is a loopback or Unix socket of this host.
 */
export function expectedInstance(
  endpoint: Endpoint,
  address: Address,
  authority: string,
  { locality }: Pick<TransportOptions, 'locality'>,
): ExpectedInstance | undefined {
  if (!endpoint.namesInstance) return undefined;
  if (locality !== undefined && isLocal(address) && isSameHost(locality, endpoint)) return undefined;
  return { address, instance: endpoint.id, authority };
}
