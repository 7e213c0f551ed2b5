/**
 * Names as host names: `orders.shop.clerk` is `/shop/orders` in reverse order. Every name without a directory identifier
 * maps to exactly one host name and back. An invalid host under `.clerk` is an error and is never passed on to DNS.
 */
import { quote } from './describe-value.js';
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';

const domainSuffix = '.clerk';

/**
 * The name of a host.
 *
 * @param hostname - as the URL class gives it: lower case, no port
 * @param port - as the URL class gives it: empty for the default port of the scheme
 * @returns undefined when the host is not under `.clerk`
 * @throws {@link ClerkError} `NAME_INVALID` for a port, a trailing dot, `clerk` alone, and invalid labels.
 */
export function nameFromHostname(hostname: string, port: string): string | undefined {
  if (!isClerkHostname(hostname)) return undefined;
  if (hostname.endsWith('.')) throw hostnameError(hostname, 'must not end with a dot; remove it');
  if (hostname === 'clerk' || hostname === domainSuffix)
    throw hostnameError(hostname, "must have a name before 'clerk', such as orders.shop.clerk");
  if (!hostname.endsWith(domainSuffix)) throw hostnameError(hostname, 'must be lower case');
  if (port !== '')
    throw hostnameError(
      `${hostname}:${port}`,
      'must not have a port; remove it, the port of the endpoint is used',
    );
  const name = `/${hostname.slice(0, -domainSuffix.length).split('.').reverse().join('/')}`;
  const problem = pathError(name, segmentError);
  if (problem !== undefined) throw hostnameError(hostname, `means the name ${quote(name)}, which ${problem}`);
  return name;
}

/**
 * The host name of a name, for the `Host` header; at most 252 characters.
 *
 * A host name cannot contain the `#` of a directory identifier, so `/#d7/orders` becomes `orders._d7.clerk`. Services can
 * recognize it; {@link nameFromHostname} rejects it, since no name contains `_`.
 *
 * @param name - a valid absolute name
 */
export function hostnameOf(name: string): string {
  return segmentsOf(name).toReversed().join('.').replace('#', '_') + domainSuffix;
}

/** Whether a host belongs under `.clerk`, including malformed ones with trailing dots or capitals. */
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
