import type { NodeRequest } from './node-types.js';

/** The caller of all requests that arrive from a loopback address or through a Unix socket. */
const localCaller = 'local';

/**
 * Returns the sender of a request by its address: an IPv4 address, or the first 64 bits of an IPv6 address, since one
 * host usually has all addresses with these bits. All programs of this host are one caller.
 */
export function addressCaller({ socket }: NodeRequest): string {
  const address = socket?.remoteAddress?.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, '');
  if (address === undefined || address.startsWith('127.') || address === '::1') return localCaller;
  return address.includes(':') ? `${firstGroups(address)}::/64` : address;
}

function firstGroups(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + last.length < 8) groups.push('0');
  return [...groups, ...last].slice(0, 4).join(':');
}
