/**
 * Names as hosts: `orders.shop.clerk` is `/shop/orders` read backwards. Every name that has no directory identifier
 * has exactly one host and gets back to itself. A host that looks like one of ours and is none is refused, never
 * passed on to DNS.
 */
import { ClerkError } from './errors.js';
import { pathFault, segmentFault, segmentsOf } from './name.js';
import { shown } from './shown.js';

const domain = '.clerk';

/**
 * The name that a host stands for.
 *
 * @param hostname - as the URL class gives it: small letters, no port
 * @param port - as the URL class gives it: empty when it is the scheme's own
 * @returns undefined when the host is not under `.clerk`
 * @throws {@link ClerkError} `NAME_INVALID` for a port, a trailing dot, `clerk` alone, and labels that no name has
 */
export function nameOfHost(hostname: string, port: string): string | undefined {
  if (!isOurs(hostname)) return undefined;
  if (hostname.endsWith('.')) throw refused(hostname, `ends with a dot; leave that off`);
  if (hostname === 'clerk' || hostname === domain)
    throw refused(hostname, "has no name before 'clerk'; write one such as orders.shop.clerk");
  if (!hostname.endsWith(domain)) throw refused(hostname, 'has capitals; write small letters');
  if (port !== '')
    throw refused(`${hostname}:${port}`, "has a port; leave it off, the endpoint's own is used");
  const name = `/${hostname.slice(0, -domain.length).split('.').reverse().join('/')}`;
  const fault = pathFault(name, segmentFault);
  if (fault !== undefined) throw refused(hostname, `stands for the name ${shown(name)}, which ${fault}`);
  return name;
}

/**
 * The host of a name, for the `Host` header; at most 252 characters.
 *
 * No host can hold the `#` of a directory identifier, and an underscore, which no name has, stands in its place:
 * `/#d7/orders` becomes `orders._d7.clerk`. That tells a service whom the call was for; {@link nameOfHost} refuses it.
 *
 * @param name - an absolute name that was checked
 */
export function hostOfName(name: string): string {
  return segmentsOf(name).toReversed().join('.').replace('#', '_') + domain;
}

/** Whether a host belongs under `.clerk`, perhaps not well formed: with dots behind it, or capitals from elsewhere. */
function isOurs(hostname: string): boolean {
  if (hostname.endsWith(domain)) return true;
  let end = hostname.length;
  while (end > 0 && hostname.charCodeAt(end - 1) === dot) end--;
  const tail = hostname.slice(Math.max(0, end - domain.length), end);
  return /^\.?clerk$/i.test(tail);
}

const dot = 46;

function refused(host: string, why: string): ClerkError {
  return new ClerkError('NAME_INVALID', `Host ${shown(host)} ${why}`);
}
