import { isLocal, parseAddress } from '../core/address.js';
import type { Clock } from '../core/clock.js';

type HostFacts = Pick<Clock, 'hostname' | 'hostAddresses'>;

/**
 * Orders the servers of one registry: servers on this host come first, in the given order. The others are in random
 * order, so that programs with the same list spread over its servers.
 *
 * @param urls - valid addresses
 */
export function nearestFirst(
  urls: readonly string[],
  clock: HostFacts & Pick<Clock, 'random'>,
): readonly string[] {
  if (urls.length < 2) return urls;
  const rankOf = serverRank(clock);
  return urls
    .map((url) => ({ url, rank: rankOf(url) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ url }) => url);
}

/**
 * Returns a function that returns the rank of a server; lower ranks are preferred. The rank is 0 for a server on this
 * host, otherwise random from 1 to 2.
 *
 * @param clock - its facts about the host are read once
 */
export function serverRank(clock: HostFacts & Pick<Clock, 'random'>): (url: string) => number {
  const own = new Set([clock.hostname(), ...clock.hostAddresses()].map((host) => host.toLowerCase()));
  return (url) => {
    const address = parseAddress(url);
    return isLocal(address) || own.has(address.hostname.toLowerCase()) ? 0 : 1 + clock.random();
  };
}
