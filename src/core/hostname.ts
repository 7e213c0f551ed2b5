/**
 * Names as hosts: `orders.shop.clerk` is `/shop/orders` read backwards. Every name that has no directory identifier
 * has exactly one host and gets back to itself. A host that looks like one of ours and is none is refused, never
 * passed on to DNS.
 */
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';
import { quote } from './describe-value.js';

const domainSuffix = '.clerk';

/**
 * The name that a host stands for.
 *
 * @param hostname - as the URL class gives it: small letters, no port
 * @param port - as the URL class gives it: empty when it is the scheme's own
 * @returns undefined when the host is not under `.clerk`
 * @throws {@link ClerkError} `NAME_INVALID` for a port, a trailing dot, `clerk` alone, and labels that no name has
 */
export function nameFromHostname(hostname: string, port: string): string | undefined {
  if (!isClerkHostname(hostname)) return undefined;
  if (hostname.endsWith('.')) throw hostnameError(hostname, `ends with a dot; leave that off`);
  if (hostname === 'clerk' || hostname === domainSuffix)
    throw hostnameError(hostname, "has no name before 'clerk'; write one such as orders.shop.clerk");
  if (!hostname.endsWith(domainSuffix)) throw hostnameError(hostname, 'has capitals; write small letters');
  if (port !== '')
    throw hostnameError(`${hostname}:${port}`, "has a port; leave it off, the endpoint's own is used");
  const name = `/${hostname.slice(0, -domainSuffix.length).split('.').reverse().join('/')}`;
  const fault = pathError(name, segmentError);
  if (fault !== undefined)
    throw hostnameError(hostname, `stands for the name ${quote(name)}, which ${fault}`);
  return name;
}

/**
 * The host of a name, for the `Host` header; at most 252 characters.
 *
 * No host can hold the `#` of a directory identifier, and an underscore, which no name has, stands in its place:
 * `/#d7/orders` becomes `orders._d7.clerk`. That tells a service whom the call was for; {@link nameFromHostname} refuses it.
 *
 * @param name - an absolute name that was checked
 */
export function hostnameOf(name: string): string {
  return segmentsOf(name).toReversed().join('.').replace('#', '_') + domainSuffix;
}

/** Whether a host belongs under `.clerk`, perhaps not well formed: with dots behind it, or capitals from elsewhere. */
function isClerkHostname(hostname: string): boolean {
  if (hostname.endsWith(domainSuffix)) return true;
  let end = hostname.length;
  while (end > 0 && hostname.charCodeAt(end - 1) === dot) end--;
  const tail = hostname.slice(Math.max(0, end - domainSuffix.length), end);
  return /^\.?clerk$/i.test(tail);
}

const dot = 46;

function hostnameError(host: string, problem: string): ClerkError {
  return new ClerkError('NAME_INVALID', `Host ${quote(host)} ${problem}`);
}
