/**
 * Lets in only who means this server: a page in a browser that was led here under a name of its own (DNS rebinding) or
 * that posts from elsewhere (CSRF) is refused, also on loopback, where no password would stop it.
 *
 * @see promises A25
 */
import type { IncomingMessage } from 'node:http';
import { isLocal, parseAddress } from '../../core/address.js';
import { shown } from '../../core/shown.js';
import { Refusal } from './refusal.js';

/** Most hosts whose answer is remembered. */
const mostRemembered = 256;

/** Checks who is meant and who asks. */
export class Guard {
  readonly #allowed: ReadonlySet<string>;
  readonly #good = new Set<string>();

  /** @param allowed - host names, without a port, that mean this server beside loopback and the connection's own address */
  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed.map((host) => host.toLowerCase()));
  }

  /** @throws `FORBIDDEN` */
  check({ headers, socket }: IncomingMessage): void {
    const host = headers.host ?? '';
    if (!this.#good.has(host)) {
      const name = hostnameOf(host);
      if (name === undefined || !this.#isOurs(name, socket.localAddress))
        throw new Refusal(
          'FORBIDDEN',
          `Host ${shown(host)} is not this server; ask for it by its address, or start it with this host allowed`,
        );
      // The connection's own address differs from connection to connection.
      if (this.#good.size < mostRemembered && this.#isOurs(name, undefined)) this.#good.add(host);
    }
    const { origin } = headers;
    const site = headers['sec-fetch-site'];
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      throw foreign(`with the origin ${shown(origin)}`);
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw foreign(`with sec-fetch-site ${shown(site)}`);
  }

  #isOurs(name: string, localAddress: string | undefined): boolean {
    if (this.#allowed.has(name)) return true;
    if (localAddress !== undefined && name === plainAddress(localAddress)) return true;
    try {
      return isLocal(parseAddress(`tcp://${name.includes(':') ? `[${name}]` : name}:1`));
    } catch {
      return false;
    }
  }
}

/** An address without what makes an IPv4 one look like IPv6. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address.toLowerCase();
}

function foreign(how: string): Refusal {
  return new Refusal(
    'FORBIDDEN',
    `Requests of other web pages are not answered, and this one came ${how}; ask from a program, or from a page of this server`,
  );
}

const form = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/;

function hostnameOf(host: string): string | undefined {
  const match = form.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
