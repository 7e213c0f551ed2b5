/**
 * Lets in only who means this server: a page in a browser that was led here under a name of its own (DNS rebinding) or
 * that posts from elsewhere (CSRF) is refused, also on loopback, where no password would stop it.
 *
 * @see promises A25
 */
import type { IncomingMessage } from 'node:http';
import { isLocal, parseAddress } from '../../core/address.js';
import { quote } from '../../core/describe-value.js';
import { HttpError } from './http-error.js';

/** Most hosts whose answer is remembered. */
const maxCachedHosts = 256;

/** Checks who is meant and who asks. */
export class HostCheck {
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #acceptedHosts = new Set<string>();

  /** @param allowedHosts - host names, without a port, that mean this server beside loopback and the connection's own address */
  constructor(allowedHosts: readonly string[]) {
    this.#allowedHosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /** @throws `FORBIDDEN` */
  check({ headers, socket }: IncomingMessage): void {
    const host = headers.host ?? '';
    if (!this.#acceptedHosts.has(host)) {
      const name = hostnameOf(host);
      if (name === undefined || !this.#isOwnHost(name, socket.localAddress))
        throw new HttpError(
          'FORBIDDEN',
          `Host ${quote(host)} is not this server; ask for it by its address, or start it with this host allowed`,
        );
      // The connection's own address differs from connection to connection.
      if (this.#acceptedHosts.size < maxCachedHosts && this.#isOwnHost(name, undefined))
        this.#acceptedHosts.add(host);
    }
    const { origin } = headers;
    const site = headers['sec-fetch-site'];
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      throw crossOriginError(`with the origin ${quote(origin)}`);
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw crossOriginError(`with sec-fetch-site ${quote(site)}`);
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

/** An address without what makes an IPv4 one look like IPv6. */
export function unmapIpv4(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address.toLowerCase();
}

function crossOriginError(evidence: string): HttpError {
  return new HttpError(
    'FORBIDDEN',
    `Requests of other web pages are not answered, and this one came ${evidence}; ask from a program, or from a page of this server`,
  );
}

const hostHeaderPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/;

function hostnameOf(host: string): string | undefined {
  const match = hostHeaderPattern.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
