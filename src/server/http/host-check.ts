import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLocal, parseAddress } from '../../core/address.js';
import { quote } from '../../core/describe-value.js';
import { checkSameSite } from './cross-site-check.js';
import { HttpError } from './http-error.js';

const maxCachedHosts = 256;

/**
 * Rejects requests that a browser sends for a page of another site. The check of `Host` prevents DNS rebinding, and
 * the check of `Origin` prevents CSRF. IP addresses are accepted as `Host`, because DNS rebinding needs a host name.
 * For an open server on loopback, this check is the only access control.
 *
 * @see [A25](../../../docs/guarantees.md#a25)
 */
export class HostCheck {
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #acceptedHosts = new Set<string>();

  /** @param allowedHosts - host names without port; accepted in addition to IP addresses and loopback names */
  constructor(allowedHosts: readonly string[]) {
    this.#allowedHosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /**
   * @throws {@link ClerkError} `CONFIG_INVALID` when the request has several `host` headers
   * @throws {@link ClerkError} `FORBIDDEN` when `host`, `origin` or `sec-fetch-site` names another site
   */
  check({ headers, rawHeaders }: IncomingMessage): void {
    const host = headers.host ?? '';
    if (hasSeveralHosts(rawHeaders))
      throw new HttpError('CONFIG_INVALID', 'A request must have exactly one host header; got several', 400);
    if (!this.#acceptedHosts.has(host)) {
      const name = hostnameOf(host);
      if (name === undefined)
        throw new HttpError(
          'FORBIDDEN',
          `Header host must be the host and port of this server; got ${quote(host)}; use the URL of the server`,
        );
      if (!this.#isOwnHost(name))
        throw new HttpError(
          'FORBIDDEN',
          `Header host must name this server; got the name ${quote(name)}; use the IP address of the server, or start the server with --allow-host ${name}`,
        );
      if (this.#acceptedHosts.size < maxCachedHosts) this.#acceptedHosts.add(host);
    }
    checkSameSite(headers, host);
  }

  #isOwnHost(name: string): boolean {
    if (isIP(name) !== 0 || this.#allowedHosts.has(name)) return true;
    try {
      return isLocal(parseAddress(`tcp://${name}:1`));
    } catch {
      return false;
    }
  }
}

/** Returns the address in lower case. An IPv4-mapped IPv6 address becomes the IPv4 address. */
export function unmapIpv4(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address.toLowerCase();
}

function hasSeveralHosts(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1;
}

const hostHeaderPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/;

function hostnameOf(host: string): string | undefined {
  const match = hostHeaderPattern.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
