import type { IncomingMessage } from 'node:http';
import { isLocal, parseAddress } from '../../core/address.js';
import { quote } from '../../core/describe-value.js';
import { HttpError } from './http-error.js';

/** Maximum number of accepted `Host` header values in the cache. */
const maxCachedHosts = 256;

/**
 * Rejects requests that a browser sends for a web page of another site. The `Host` header of such a request names
 * another server (DNS rebinding), or the `Origin` header names the other site (CSRF). On loopback, this check is the
 * only access control.
 *
 * @see [A25](../../../docs/guarantees.md#a25)
 */
export class HostCheck {
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #acceptedHosts = new Set<string>();

  /**
   * @param allowedHosts - host names, without port, that are accepted in addition to loopback names and the local
   *   address of the connection
   */
  constructor(allowedHosts: readonly string[]) {
    this.#allowedHosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /**
   * @throws {@link ClerkError} `FORBIDDEN` when the header `host` names another server, or when the header `origin` or
   *   `sec-fetch-site` names another site
   */
  check({ headers, socket }: IncomingMessage): void {
    const host = headers.host ?? '';
    if (!this.#acceptedHosts.has(host)) {
      const name = hostnameOf(host);
      if (name === undefined || !this.#isOwnHost(name, socket.localAddress))
        throw new HttpError(
          'FORBIDDEN',
          `Header host must name this server; got ${quote(host)}; use the address of the server, or allow this host with --allow-host`,
        );
      // The local address differs between connections, so a host that matches only the local address is not cached.
      if (this.#acceptedHosts.size < maxCachedHosts && this.#isOwnHost(name, undefined))
        this.#acceptedHosts.add(host);
    }
    const { origin } = headers;
    const site = headers['sec-fetch-site'];
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      throw crossOriginError('origin', origin);
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw crossOriginError('sec-fetch-site', site);
  }

  #isOwnHost(name: string, localAddress: string | undefined): boolean {
    if (this.#allowedHosts.has(name)) return true;
    if (localAddress !== undefined && name === unmapIpv4(localAddress)) return true;
    try {
      return isLocal(parseAddress(`tcp://${name.includes(':') ? `[${name}]` : name}:1`));
    } catch {
      return false;
    }
  }
}

/** Returns an address in lower case. For an IPv4-mapped IPv6 address, returns the IPv4 address. */
export function unmapIpv4(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address.toLowerCase();
}

function crossOriginError(header: string, value: string): HttpError {
  return new HttpError(
    'FORBIDDEN',
    `Header ${header} must not name another web page; got ${quote(value)}; send the request from a program or from a page of this server`,
  );
}

const hostHeaderPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/;

function hostnameOf(host: string): string | undefined {
  const match = hostHeaderPattern.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
