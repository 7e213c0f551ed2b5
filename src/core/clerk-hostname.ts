/**
 * Names as host names: `orders.shop.clerk` stands for `/shop/orders`, with the segments in reverse order. Every name
 * without a directory identifier (`#d7`) has exactly one host name. An invalid host under `.clerk` is an error and is
 * never looked up in DNS.
 */
import { quote } from './describe-value.js';
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';

const domainSuffix = '.clerk';

/**
 * Returns the name that a host name under `.clerk` stands for.
 *
 * @param hostname - `hostname` of a URL: in lower case, without a port
 * @param port - `port` of a URL: empty for the default port of the scheme
 * @returns the absolute name; undefined when the host is not under `.clerk`
 * @throws {@link ClerkError} `NAME_INVALID` when a host under `.clerk` has a port, a trailing dot, a capital, an
 * invalid label, or no name before `clerk`.
 */
export function nameFromHostname(hostname: string, port: string): string | undefined {
  if (!isClerkHostname(hostname)) return undefined;
  if (hostname.endsWith('.')) throw hostnameError(hostname, 'must not end with a dot; remove the dot');
  if (hostname === 'clerk' || hostname === domainSuffix)
    throw hostnameError(hostname, "must have a name before 'clerk', such as orders.shop.clerk");
  if (!hostname.endsWith(domainSuffix)) throw hostnameError(hostname, 'must be lower case');
  if (port !== '')
    throw hostnameError(
      `${hostname}:${port}`,
      'must not have a port; remove the port, since a call uses the port of the endpoint',
    );
  const name = `/${hostname.slice(0, -domainSuffix.length).split('.').reverse().join('/')}`;
  const problem = pathError(name, segmentError);
  if (problem !== undefined)
    throw hostnameError(hostname, `stands for the name ${quote(name)}, which ${problem}`);
  return name;
}

/**
 * Returns the host name of a name, for the `Host` header; at most 252 characters.
 *
 * A host name cannot contain the `#` of a directory identifier, so `/#d7/orders` becomes `orders._d7.clerk`. {@link
 * nameFromHostname} rejects such a host name, since no name contains `_`.
 *
 * @param name - a valid absolute name
 */
export function hostnameOf(name: string): string {
  return segmentsOf(name).toReversed().join('.').replace('#', '_') + domainSuffix;
}

/** Whether a host is under `.clerk`. Also true for malformed hosts with trailing dots or capitals. */
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
