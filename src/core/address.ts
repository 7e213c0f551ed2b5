/** Contact addresses: where an endpoint listens, and how to speak to it. */
import { ClerkError } from './errors.js';
import { quote } from './describe-value.js';

/** An address as the user writes it: `http://10.0.0.7:3001`, `https://…`, `tcp://host:port`, `unix:/path`, `unix+https:/path`. */
export type AddressString = string;

/** A parsed address. @see Naming N8 */
export interface Address {
  /** As it was written, but without a `/` behind the port: one address has one spelling. */
  readonly text: AddressString;
  /** `tcp` says nothing of what is spoken; only `call` and `acquire` can use it. */
  readonly protocol: 'http' | 'https' | 'tcp';
  /** Host name or literal, without brackets; empty for a unix socket. */
  readonly hostname: string;
  /** 1–65535; 0 for a unix socket. */
  readonly port: number;
  /** Absolute path of a unix socket. */
  readonly socketPath: string | undefined;
}

const grammar =
  /^(https?|tcp):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?\/?$/;

const unixProtocols = [
  ['unix:', 'http'],
  ['unix+https:', 'https'],
] as const;

/**
 * Reads an address. Nothing is repaired: a path, query, user or missing port of `tcp` is refused, and so is a host that
 * others would read as an address it does not spell (`127.1`, `010.0.0.1`).
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function parseAddress(input: unknown): Address {
  const text = input instanceof URL ? input.href : input;
  if (typeof text !== 'string') throw addressError(text, 'is not a string');
  for (const [prefix, protocol] of unixProtocols) {
    if (!text.startsWith(prefix)) continue;
    if (input instanceof URL && /[%?#]/.test(text))
      throw addressError(text, 'has a path that a URL spells in another way; write it as a string');
    return {
      text,
      protocol,
      hostname: '',
      port: 0,
      socketPath: socketPathOf(text, text.slice(prefix.length)),
    };
  }
  const match = grammar.exec(text);
  if (!match)
    throw addressError(
      text,
      'has not the form of http(s)://host:port, tcp://host:port, unix:/path or unix+https:/path, with no path, query or user',
    );
  const [, protocol, host, digits] = match as unknown as [string, 'http' | 'https' | 'tcp', string, string?];
  const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
  const isSame = host.startsWith('[') || url?.hostname === host.toLowerCase();
  if (url === undefined || !isSame || host.includes('..') || host.length > 253)
    throw addressError(text, 'has a host that is neither a name nor a whole IP address');
  if (digits === undefined && protocol === 'tcp') throw addressError(text, 'needs a port');
  const port = Number(digits ?? (protocol === 'https' ? 443 : 80));
  if (port < 1 || port > 65_535 || digits?.startsWith('0') === true)
    throw addressError(text, 'has a port outside 1–65535, or one with a 0 before it');
  return {
    text: text.replace(/\/$/, ''),
    protocol,
    hostname: host.replace(/^\[|\]$/g, ''),
    port,
    socketPath: undefined,
  };
}

/** Whether the address can only mean this host: a unix socket, `localhost` or a loopback literal. */
export function isLocal({ socketPath, hostname }: Address): boolean {
  if (socketPath !== undefined) return true;
  // The URL class has one spelling for each IPv6 address; 7f is 127.
  if (hostname.includes(':'))
    return /^\[::(1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/.test(new URL(`http://[${hostname}]`).hostname);
  return /^(localhost|127(\.[0-9]{1,3}){3})$/i.test(hostname);
}

function socketPathOf(text: string, path: string): string {
  if (!path.startsWith('/') || path.length < 2 || path.includes('\0'))
    throw addressError(text, 'needs an absolute path');
  if (Buffer.byteLength(path) > 107)
    throw addressError(text, 'has a path over 107 bytes, more than a socket can have');
  return path;
}

/** A user and a password are none of a log's business. @see promises C8.4 */
function addressError(text: unknown, problem: string): ClerkError {
  const safe = typeof text === 'string' ? text.replace(/\/\/[^/?#]*@/, '//…@') : text;
  return new ClerkError('CONFIG_INVALID', `Address ${quote(safe)} ${problem}`);
}
