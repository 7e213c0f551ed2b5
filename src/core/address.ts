/** Contact addresses: where an endpoint listens, and how to speak to it. */
import { ClerkError } from './errors.js';

/** An address as the user writes it: `http://10.0.0.7:3001`, `https://…`, `tcp://host:port`, `unix:/path`, `unix+https:/path`. */
export type AddressText = string;

/** A parsed address. @see Naming N8 */
export interface Address {
  /** As it was written. */
  readonly text: AddressText;
  /** `tcp` says nothing of what is spoken; only `call` and `acquire` can use it. */
  readonly protocol: 'http' | 'https' | 'tcp';
  /** Host name or literal, without brackets; empty for a unix socket. */
  readonly hostname: string;
  /** 1–65535; 0 for a unix socket. */
  readonly port: number;
  /** Absolute path of a unix socket. */
  readonly socketPath: string | undefined;
}

const grammar = /^(https?|tcp):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?\/?$/;

/**
 * Reads an address. Nothing is repaired: a path, query, user or missing port of `tcp` is refused.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function parseAddress(input: unknown): Address {
  const text = input instanceof URL ? input.href : input;
  if (typeof text !== 'string') throw refused(String(text), 'is not a string');
  for (const [prefix, protocol] of [['unix:', 'http'], ['unix+https:', 'https']] as const) {
    if (!text.startsWith(prefix)) continue;
    const socketPath = text.slice(prefix.length);
    if (!socketPath.startsWith('/') || socketPath.length < 2 || socketPath.includes('\0')) throw refused(text, 'needs an absolute path');
    if (Buffer.byteLength(socketPath) > 107) throw refused(text, 'has a path over 107 bytes, more than a socket can have');
    return { text, protocol, hostname: '', port: 0, socketPath };
  }
  const match = grammar.exec(text);
  if (!match) throw refused(text, 'has not the form of http(s)://host:port, tcp://host:port, unix:/path or unix+https:/path, with no path, query or user');
  const protocol = match[1] as Address['protocol'];
  const hostname = (match[2] ?? '').replace(/^\[|\]$/g, '');
  if (match[3] === undefined && protocol === 'tcp') throw refused(text, 'needs a port');
  const port = match[3] === undefined ? (protocol === 'https' ? 443 : 80) : Number(match[3]);
  if (port < 1 || port > 65_535) throw refused(text, 'has a port outside 1–65535');
  return { text, protocol, hostname, port, socketPath: undefined };
}

/** Whether the address can only mean this host: a unix socket or a loopback literal. */
export function isLocal(address: Address): boolean {
  return address.socketPath !== undefined || address.hostname === 'localhost' || address.hostname === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(address.hostname);
}

function refused(text: string, why: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `Address '${text}' ${why}`);
}
