import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** Names of interfaces that lead to containers and virtual machines of this host. */
const bridgeName =
  /^(br-|bridge|cali|cbr|cilium|cni|docker|flannel|kube|lxcbr|lxdbr|nerdctl|podman|vboxnet|veth|virbr|vmnet)/;

/**
 * Returns the IP addresses of this host, except loopback addresses and link-local IPv6 addresses. Interfaces with a
 * default route come first, and bridges come last. In each group, IPv4 comes first.
 */
export function hostAddresses(): readonly string[] {
  const defaults = defaultInterfaces();
  const ranked = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list
      .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
      .map(({ address, family }) => ({
        address,
        rank: 2 * (defaults.has(name) ? 0 : isBridge(name) ? 2 : 1) + (family === 'IPv4' ? 0 : 1),
      })),
  );
  return ranked.sort((a, b) => a.rank - b.rank).map(({ address }) => address);
}

/**
 * Returns the IP addresses of this host for `hostname`, or an empty list. `localhost` and the unspecified addresses
 * stand for both loopback addresses.
 */
export function ownAddresses(hostname: string): readonly string[] {
  const host = hostname.toLowerCase();
  if (['localhost', '0.0.0.0', '::'].includes(host)) return ['127.0.0.1', '::1'];
  if (/^127(\.[0-9]{1,3}){3}$/.test(host)) return [host];
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.some(({ address }) => address.toLowerCase() === host) ? [host] : [];
}

function isBridge(name: string): boolean {
  return bridgeName.test(name) || existsSync(`/sys/class/net/${name}/bridge`);
}

/** Returns an empty set on systems without `/proc/net/route`. */
function defaultInterfaces(): ReadonlySet<string> {
  const v4 = linesOf('/proc/net/route').filter(
    ([, target, , , , , , mask]) => target === zeros(8) && mask === zeros(8),
  );
  const v6 = linesOf('/proc/net/ipv6_route').filter(
    ([target, bits]) => target === zeros(32) && bits === '00',
  );
  return new Set([...v4.map(([name]) => name as string), ...v6.map((fields) => fields.at(-1) as string)]);
}

function zeros(count: number): string {
  return '0'.repeat(count);
}

function linesOf(path: string): string[][] {
  try {
    return readFileSync(path, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}
