import { networkInterfaces } from 'node:os';

/** Returns the IP addresses of this host, IPv4 first, without loopback addresses and link-local IPv6 addresses. */
export function hostAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  return [
    ...all.filter(({ family }) => family === 'IPv4'),
    ...all.filter(({ family }) => family !== 'IPv4'),
  ].map(({ address }) => address);
}
