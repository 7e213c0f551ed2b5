import { BlockList, isIP } from 'node:net';
import type { Address } from './address.js';
import type { ConnectPolicy } from './transport.js';

/** Owner and permission bits of a file. */
export interface SocketFacts {
  readonly owner: number;
  readonly mode: number;
}

export interface AddressPolicyOptions {
  /** IP addresses, CIDR blocks and `unix:/path` that are allowed in addition to the default. Each must be valid. */
  readonly allowed: readonly string[];
  /** User id of this process; undefined on a system without user ids, such as Windows. */
  readonly userId: number | undefined;
  /** Returns the owner and mode of a file; undefined if the file does not exist or cannot be examined. */
  readonly socketFacts: (path: string) => SocketFacts | undefined;
}

type Rule = readonly [kind: string, list: BlockList];

export const linkLocal = 'a link-local address';

const refusedRules: readonly Rule[] = [
  // Cloud providers serve the credentials of the host at these addresses. This rule comes first, because some of these
  // addresses are also link-local.
  [
    'a metadata address',
    blockList(
      ...['169.254.169.254', '168.63.129.16', '100.100.100.200', '192.0.0.192'],
      ...['fd00:ec2::254', 'fd20:ce::254'],
    ),
  ],
  [linkLocal, blockList('169.254.0.0/16', 'fe80::/10')],
  ['an unspecified address', blockList('0.0.0.0/8', '::')],
];

/**
 * Decides to which addresses a clerk may connect. An endpoint chooses its own addresses, and could lead the clerk to
 * another program on the clerk's host. The policy therefore refuses link-local, metadata and unspecified IP addresses.
 * It also refuses Unix sockets that other users own or may write.
 *
 * @see [A19](../../docs/guarantees.md#a19)
 */
export class AddressPolicy implements ConnectPolicy {
  readonly #options: AddressPolicyOptions;
  readonly #allowed: BlockList;

  constructor(options: AddressPolicyOptions) {
    this.#options = options;
    this.#allowed = blockList(...options.allowed.filter((text) => !text.startsWith('unix:')));
  }

  /**
   * Returns why the clerk must not connect to an address; undefined if the clerk may connect. Returns undefined for a
   * host name, because its IP addresses are checked after DNS resolution.
   */
  problemOf({ hostname, socketPath }: Pick<Address, 'hostname' | 'socketPath'>): string | undefined {
    return socketPath === undefined ? this.ipProblem(hostname) : this.#socketProblem(socketPath);
  }

  /**
   * Returns why the clerk must not connect to an IP address; undefined if the clerk may connect, or for a host name.
   */
  ipProblem(text: string): string | undefined {
    const problem = refusedKind(text);
    if (problem === undefined || ipForms(text).some((each) => contains(this.#allowed, each)))
      return undefined;
    return `${text} is ${problem}; if the service runs there, set allowAddresses: ['${text}'] of createClerk()`;
  }

  #socketProblem(path: string): string | undefined {
    const { userId, allowed, socketFacts } = this.#options;
    if (userId === undefined || allowed.includes(`unix:${path}`)) return undefined;
    const facts = socketFacts(path);
    if (facts === undefined) return undefined;
    if (facts.owner !== 0 && facts.owner !== userId)
      return `the socket ${path} belongs to user ${String(facts.owner)}, and must belong to user ${String(userId)} or root; if the socket belongs to the service, set allowAddresses: ['unix:${path}'] of createClerk()`;
    if ((facts.mode & 0o022) === 0) return undefined;
    const writer = (facts.mode & 0o002) === 0 ? 'its group' : 'all users';
    return `the socket ${path} must not be writable by ${writer}; run chmod go-w ${path}, or set allowAddresses: ['unix:${path}'] of createClerk()`;
  }
}

/** Returns the kind of an IP address that a clerk refuses by default; undefined for any other text. */
export function refusedKind(text: string): string | undefined {
  const forms = ipForms(text);
  return refusedRules.find(([, list]) => forms.some((each) => contains(list, each)))?.[0];
}

/** Returns why a text is not a valid entry of `allowAddresses`; undefined if the text is valid. */
export function allowedAddressProblem(text: string): string | undefined {
  if (/^unix:\/./.test(text)) return undefined;
  const [ip = '', prefix, ...rest] = text.split('/');
  const maxPrefix = isIP(ip) === 6 ? 128 : 32;
  const isPrefix =
    prefix === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= maxPrefix);
  return isIP(ip) !== 0 && !ip.includes('%') && isPrefix && rest.length === 0
    ? undefined
    : "must be an IP address, a CIDR block such as '169.254.7.0/24', or unix:/path";
}

function blockList(...texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [ip = '', prefix] = text.split('/');
    const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(ip, family);
    else list.addSubnet(ip, Number(prefix), family);
  }
  return list;
}

function contains(list: BlockList, ip: string): boolean {
  return list.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Returns an IP address, then the IPv4 address that it embeds, as `::ffff:10.0.0.1` does. Empty for a host name.
 */
function ipForms(text: string): readonly string[] {
  const [ip = ''] = text.split('%');
  if (isIP(ip) !== 6) return isIP(ip) === 4 ? [ip] : [];
  const groups = groupsOf(ip);
  const embedded = embeddedAt(groups);
  if (embedded === undefined) return [ip];
  const bytes = groups.slice(embedded, embedded + 2).flatMap((group) => [group >> 8, group & 0xff]);
  return [ip, bytes.join('.')];
}

/**
 * Returns the index of the first of the two groups that contain an IPv4 address; undefined if no group does. Recognizes
 * IPv4-mapped, -translated and -compatible, NAT64 and 6to4 addresses.
 */
function embeddedAt([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0]: readonly number[]):
  number | undefined {
  if (a === 0x2002) return 1;
  if (a === 0x64 && b === 0xff9b) return 6;
  if (a !== 0 || b !== 0 || c !== 0 || d !== 0) return undefined;
  const isMapped = e === 0 && f === 0xffff;
  const isTranslated = e === 0xffff && f === 0;
  // `::1` and `::` are not IPv4-compatible addresses.
  const isCompatible = e === 0 && f === 0 && g !== 0;
  return isMapped || isTranslated || isCompatible ? 6 : undefined;
}

function groupsOf(ip: string): readonly number[] {
  // The URL class writes all groups in hexadecimal, even those of an embedded IPv4 address.
  const text = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const numbers = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [numbers(head), numbers(tail ?? '')];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}
