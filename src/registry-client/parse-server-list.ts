import { refusedKind } from '../core/address-policy.js';
import { isLocal, parseAddress, type Address } from '../core/address.js';
import { isObject } from '../core/is-object.js';
import { paths } from '../protocol/paths.js';
import { registryServersName } from '../protocol/registry-servers.js';
import type { RegistryRequest } from './connection.js';

/** The lookup of the servers of a registry. */
export const serversLookup: RegistryRequest = Object.freeze({
  path: paths.resolve,
  query: Object.freeze({ name: registryServersName }),
});

export interface ServerAddress {
  /** Identifier of the server. */
  readonly id: string;
  readonly url: string;
}

export interface AddressRules {
  /** Whether only servers with TLS are used. */
  readonly requiresTls: boolean;
  /** Identity of this host; undefined when unknown. */
  readonly hostId: string | undefined;
}

/** Maximum number of servers that are read. The rest of a longer list is ignored. */
const maxListed = 1_000;

/**
 * Returns the servers in the response to `serversLookup`, each with its first usable address. A program that can write
 * to the database chooses these addresses, so addresses that are refused for endpoints are refused here as well.
 *
 * @see [A19](../../docs/guarantees.md#a19)
 */
export function parseServerList(body: unknown, rules: AddressRules): readonly ServerAddress[] {
  const endpoints = isObject(body) ? body.endpoints : undefined;
  if (!Array.isArray(endpoints)) return [];
  // A restarted server may still be listed under its former identifier, with a lower epoch. The highest epoch is used.
  const servers = new Map<string, ServerAddress & { readonly epoch: number }>();
  for (const endpoint of endpoints.slice(0, maxListed) as readonly unknown[]) {
    if (!isObject(endpoint)) continue;
    const { id, epoch, addresses, hostId } = endpoint;
    if (typeof id !== 'string' || typeof epoch !== 'number' || !Array.isArray(addresses)) continue;
    const isSameHost = typeof hostId === 'string' && hostId === rules.hostId;
    const url = firstUsable(addresses, isSameHost, rules);
    if (url !== undefined && (servers.get(url)?.epoch ?? 0) < epoch) servers.set(url, { id, url, epoch });
  }
  return [...servers.values()].map(({ id, url }) => ({ id, url }));
}

function firstUsable(
  addresses: readonly unknown[],
  isSameHost: boolean,
  rules: AddressRules,
): string | undefined {
  for (const text of addresses) {
    const url = usableUrl(text, isSameHost, rules);
    if (url !== undefined) return url;
  }
  return undefined;
}

function usableUrl(text: unknown, isSameHost: boolean, { requiresTls }: AddressRules): string | undefined {
  if (typeof text !== 'string' || !(requiresTls ? /^https:/i : /^https?:/i).test(text)) return undefined;
  let address: Address;
  try {
    address = parseAddress(text);
  } catch {
    return undefined;
  }
  if (refusedKind(address.hostname) !== undefined) return undefined;
  // A loopback address of another host would lead to a program on this host, or to none.
  return isLocal(address) && !isSameHost ? undefined : address.text;
}
