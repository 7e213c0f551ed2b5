import { refusedKind } from '../core/address-policy.js';
import { isUnspecified, parseAddress, urlHost } from '../core/address.js';
import { describeValue } from '../core/describe-value.js';
import { configError, errorMessage } from '../core/errors.js';

/** Maximum number of URLs of one server, because an endpoint has at most 16 addresses. */
const maxUrls = 16;

/** Parses the option `advertise`. Undefined: the server uses the address at which it listens. Empty: it uses no URL. */
export function parseAdvertise(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (value === false) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > maxUrls)
    throw configError(
      `Option advertise must have 1 to ${String(maxUrls)} URLs; got ${String(list.length)}; use false to announce no address`,
    );
  return list.map((url) => {
    if (typeof url !== 'string' || !/^https?:/i.test(url))
      throw configError(
        `Option advertise must be a URL of this server such as 'http://10.0.0.7:4711', a list of such URLs, or false; got ${describeValue(url)}`,
      );
    return checkedUrl(url);
  });
}

function checkedUrl(url: string): string {
  let address;
  try {
    address = parseAddress(url);
  } catch (error) {
    throw configError(`Option advertise: ${errorMessage(error)}`);
  }
  const kind = refusedKind(address.hostname);
  if (kind !== undefined)
    throw configError(
      `Option advertise must be an address to which clients may connect; got ${url}, which is ${kind}; use another address of this host`,
    );
  return address.text;
}

/** Returns the host names in the URLs, which the header `Host` of a request may contain. */
export function advertisedHosts(urls: readonly string[] = []): readonly string[] {
  return urls.map((url) => parseAddress(url).hostname);
}

export interface Listener {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Addresses of this host that other hosts reach, best first. */
  readonly hostAddresses: () => readonly string[];
}

/**
 * Returns the URLs that other programs use for a server. A server on all interfaces has all addresses of its host, or
 * loopback if there are none.
 *
 * @param given - result of {@link parseAdvertise}
 */
export function advertisedUrls(
  given: readonly string[] | undefined,
  { scheme, host, port, hostAddresses }: Listener,
): readonly string[] {
  if (given !== undefined) {
    const other = given.find((url) => !url.startsWith(`${scheme}:`));
    if (other === undefined) return given;
    throw configError(
      scheme === 'https'
        ? `Option advertise must have https: URLs, because the registry is secured; got ${other}`
        : `Option advertise must have http: URLs, because the registry is not secured; got ${other}`,
    );
  }
  const all = host === '::' ? hostAddresses() : hostAddresses().filter((each) => !each.includes(':'));
  const loopback = host === '::' ? '::1' : '127.0.0.1';
  const everywhere = all.length > 0 ? all : [loopback];
  const hosts = isUnspecified(host) ? everywhere : [host];
  return hosts
    .filter((each) => refusedKind(each) === undefined)
    .slice(0, maxUrls)
    .map((each) => `${scheme}://${urlHost(each)}:${String(port)}`);
}
