import { networkInterfaces } from 'node:os';

/** IP addresses of this host that other hosts can reach, IPv4 first. Link-local IPv6 addresses need a zone and are left out. */
export function hostAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  return [
    ...all.filter(({ family }) => family === 'IPv4'),
    ...all.filter(({ family }) => family !== 'IPv4'),
  ].map(({ address }) => address);
}
