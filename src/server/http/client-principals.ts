import { isIPv4 } from 'node:net';
import { unmapIpv4 } from './host-check.js';

export interface PrincipalMasks {
  /** Number of leading bits of an IPv4 address that identify a principal, 0 to 32. */
  readonly ipv4PrefixLength: number;
  /** Number of leading bits of an IPv6 address that identify a principal, 0 to 128. */
  readonly ipv6PrefixLength: number;
}

/** Principal of all loopback addresses. They count as one, because a process can use any of them. */
const loopbackPrincipal = 'address:loopback';

/**
 * Returns the principals of clients at an open server. A principal is a range of addresses, such as
 * `address:10.0.0.1` or `address:2001:db8::/64`. All loopback addresses are one principal.
 *
 * @see [A12](../../../docs/guarantees.md#a12)
 */
export class ClientPrincipals {
  readonly #masks: PrincipalMasks;
  readonly #names = new WeakMap<object, string>();

  constructor(masks: PrincipalMasks) {
    this.#masks = masks;
  }

  /** @param connection - connection of the client; the result is cached per connection */
  of(connection: { readonly remoteAddress?: string | undefined }): string {
    let name = this.#names.get(connection);
    if (name === undefined) this.#names.set(connection, (name = this.named(connection.remoteAddress)));
    return name;
  }

  named(remoteAddress: string | undefined): string {
    if (remoteAddress === undefined) return 'address:unknown';
    const address = unmapIpv4(remoteAddress);
    const { ipv4PrefixLength, ipv6PrefixLength } = this.#masks;
    if (isIPv4(address)) {
      if (address.startsWith('127.')) return loopbackPrincipal;
      if (ipv4PrefixLength === 32) return `address:${address}`;
      const bytes = maskedNumbers(address.split('.').map(Number), 8, ipv4PrefixLength);
      return `address:${bytes.join('.')}/${ipv4PrefixLength}`;
    }
    if (address === '::1') return loopbackPrincipal;
    const groups = maskedNumbers(groupsOf(address), 16, ipv6PrefixLength);
    const suffix = ipv6PrefixLength === 128 ? '' : `/${ipv6PrefixLength}`;
    return `address:${textOf(groups)}${suffix}`;
  }
}

/** Sets all bits after the first `length` bits to 0. Each number has `bits` bits. */
function maskedNumbers(numbers: readonly number[], bits: number, length: number): readonly number[] {
  return numbers.map((number, i) => {
    const dropped = Math.min(bits, Math.max(0, (i + 1) * bits - length));
    return (number >> dropped) << dropped;
  });
}

/**
 * @param address - address in the form of the operating system, without an IPv4 part; may end with a zone such as
 *   `%eth0`
 */
function groupsOf(address: string): readonly number[] {
  const [text = ''] = address.split('%');
  const [head = '', tail] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const start = parse(head);
  const end = parse(tail ?? '');
  return [...start, ...new Array<number>(Math.max(0, 8 - start.length - end.length)).fill(0), ...end];
}

/** Formats the groups of an IPv6 address. Zero groups at the end become `::`. */
function textOf(groups: readonly number[]): string {
  const length = groups.findLastIndex((group) => group !== 0) + 1;
  const start = groups.slice(0, length).map((group) => group.toString(16));
  return length === groups.length ? start.join(':') : `${start.join(':')}::`;
}
