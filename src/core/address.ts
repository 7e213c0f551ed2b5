import { domainToASCII, domainToUnicode } from 'node:url';
import { describeValue, subjectOf } from './describe-value.js';
import { ClerkError } from './errors.js';

/** An address as text: `http://10.0.0.7:3001`, `https://…`, `tcp://host:port`, `unix:/path` or `unix+https:/path`. */
export type AddressString = string;

/** A parsed address of an endpoint. @see [Naming N8](../../docs/background.md#n8) */
export interface Address {
  /** The address as text, without a `/` after the port. */
  readonly text: AddressString;
  /** Protocol of the endpoint. Only `call` and `acquire` can use a `tcp` address. */
  readonly protocol: 'http' | 'https' | 'tcp';
  /** Host name or IP literal, without brackets; empty for a Unix socket. */
  readonly hostname: string;
  /** From 1 to 65535; 0 for a Unix socket. */
  readonly port: number;
  /** Absolute path of a Unix socket; undefined for all other addresses. */
  readonly socketPath: string | undefined;
}

const grammar =
  /^(https?|tcp):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?\/?$/;

/**
 * Parses an address. An invalid address is rejected, never corrected. `127.1` and `010.0.0.1` are invalid, because
 * programs disagree about which IP addresses such hosts mean.
 * @throws {@link ClerkError} `CONFIG_INVALID` when the input is not an address.
 */
export function parseAddress(input: unknown): Address {
  const text = input instanceof URL ? input.href : input;
  if (typeof text !== 'string')
    throw addressError(text, `must be a string or a URL; got ${describeValue(text)}`);
  const [, tls, socketPath] = /^unix(\+https)?:(.*)$/s.exec(text) ?? [];
  if (socketPath !== undefined) {
    if (input instanceof URL && /[%?#]/.test(text))
      throw addressError(text, 'must be a string, since a URL object percent-encodes the socket path');
    checkSocketPath(text, socketPath);
    return { text, protocol: tls === undefined ? 'http' : 'https', hostname: '', port: 0, socketPath };
  }
  const match = grammar.exec(text);
  if (!match)
    throw addressError(
      text,
      'must have the form http(s)://host:port or tcp://host:port, without path, query or user, or the form unix:/path or unix+https:/path',
    );
  const [, protocol, host, digits] = match as unknown as [string, 'http' | 'https' | 'tcp', string, string?];
  const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
  const isSame = host.startsWith('[') || url?.hostname === host.toLowerCase();
  if (url === undefined || !isSame || !isEncoded(host) || host.includes('..') || host.length > 253)
    throw addressError(text, 'must have a valid host name, or a complete IP address without leading zeros');
  if (digits === undefined && protocol === 'tcp') throw addressError(text, 'must have a port');
  const port = Number(digits ?? (protocol === 'https' ? 443 : 80));
  if (port < 1 || port > 65_535 || digits?.startsWith('0') === true)
    throw addressError(text, 'must have a port from 1 to 65535, without leading zeros');
  return {
    text: text.replace(/\/$/, ''),
    protocol,
    hostname: host.replace(/^\[|\]$/g, ''),
    port,
    socketPath: undefined,
  };
}

/** Whether every label that begins with `xn--` is valid Punycode. The URL class of Node 24 accepts any such label. */
function isEncoded(host: string): boolean {
  if (!/(^|\.)xn--/i.test(host)) return true;
  const unicode = domainToUnicode(host);
  return !/(^|\.)xn--/.test(unicode) && domainToASCII(unicode) === host.toLowerCase();
}

/** Whether the address always leads to the host of the client: a Unix socket, `localhost` or a loopback literal. */
export function isLocal({ socketPath, hostname }: Address): boolean {
  if (socketPath !== undefined) return true;
  // The URL class writes IPv4-mapped literals in hexadecimal: `[::ffff:127.0.0.1]` becomes `[::ffff:7f00:1]`.
  if (hostname.includes(':'))
    return /^\[::(1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/.test(new URL(`http://[${hostname}]`).hostname);
  return /^(localhost|127(\.[0-9]{1,3}){3})$/i.test(hostname);
}

/** Returns a host as a URL contains it: an IPv6 address has brackets. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Whether a host stands for all addresses of a machine. */
export function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** @param host - a host name or IP address; an IPv6 address without brackets */
export function isLoopbackHost(host: string): boolean {
  try {
    return isLocal(parseAddress(`tcp://${urlHost(host)}:1`));
  } catch {
    return false;
  }
}

function checkSocketPath(text: string, path: string): void {
  if (!path.startsWith('/') || path.length < 2) throw addressError(text, 'must have an absolute socket path');
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(path))
    throw addressError(text, 'must have a socket path without control and format characters');
  // The kernel's `sun_path` has 108 bytes, including a terminating zero.
  if (Buffer.byteLength(path) > 107) throw addressError(text, 'must have a socket path of at most 107 bytes');
}

/** The message omits the user name and password of the address. @see [C8.4](../../docs/guarantees.md#c8-4) */
function addressError(text: unknown, problem: string): ClerkError {
  const safe = typeof text === 'string' ? text.replace(/\/\/[^/?#]*@/, '//…@') : text;
  return new ClerkError('CONFIG_INVALID', `${subjectOf('Address', safe)} ${problem}`);
}
