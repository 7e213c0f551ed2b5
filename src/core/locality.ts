import type { Endpoint } from './endpoint.js';

/** Location of this client, for policies that prefer near endpoints. */
export interface Locality {
  /** Host of this client. */
  readonly host: string;
  /** Identity of the host of this client; undefined when unknown. See {@link Endpoint.hostId}. */
  readonly hostId?: string | undefined;
  /** Zone of this client; undefined when not configured. */
  readonly zone: string | undefined;
}

/**
 * Whether an endpoint and this client share loopback. Compares host names only if the identity of a host is unknown.
 */
export function isSameHost(
  { host, hostId }: Pick<Locality, 'host' | 'hostId'>,
  endpoint: Pick<Endpoint, 'host' | 'hostId'>,
): boolean {
  return hostId === undefined || endpoint.hostId === undefined
    ? endpoint.host === host
    : endpoint.hostId === hostId;
}
