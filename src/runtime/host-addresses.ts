import { networkInterfaces } from 'node:os';

/**
 * Returns the non-loopback IP addresses of this host, IPv4 first. Link-local IPv6 addresses are left out, since a
 * link-local address is incomplete without a zone.
 */
export function hostAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  return [
    ...all.filter(({ family }) => family === 'IPv4'),
    ...all.filter(({ family }) => family !== 'IPv4'),
  ].map(({ address }) => address);
}
