/** Names as host names: `orders.shop.clerk` stands for `/shop/orders`. */
import { quote } from './describe-value.js';
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';

const domainSuffix = '.clerk';

/**
 * Returns the absolute name that the host name of a URL stands for; undefined if the host is not under `.clerk`.
 * @throws {@link ClerkError} `NAME_INVALID` when a host under `.clerk` has a port, a trailing dot, an upper-case
 * letter, an invalid label, or no name before `clerk`. Such a host is never looked up in DNS.
 */
export function nameFromHostname(hostname: string, port: string): string | undefined {
  if (!/(^|\.)clerk\.*$/i.test(hostname)) return undefined;
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
 * Returns the host name of a valid absolute name, for the `Host` header. `/#d7/orders` becomes `orders._d7.clerk`,
 * because a host name must not contain `#`. {@link nameFromHostname} rejects a host with `_`.
 */
export function hostnameOf(name: string): string {
  return segmentsOf(name).toReversed().join('.').replace('#', '_') + domainSuffix;
}

function hostnameError(host: string, problem: string): ClerkError {
  return new ClerkError('NAME_INVALID', `Host ${quote(host)} ${problem}`);
}
