import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Address } from '../core/address.js';
import type { ConnectPolicy } from '../core/transport.js';
import { localhostLookup } from '../core/localhost-lookup.js';

/**
 * Returns a lookup that leaves out the IP addresses to which the client must not connect. If no address is left, the
 * lookup fails with `ADDRESS_REFUSED`.
 *
 * @param lookup - default: for `localhost` the loopback addresses, otherwise Node's lookup
 */
export function checkedLookup(
  policy: ConnectPolicy,
  hostname: string,
  lookup?: LookupFunction,
): LookupFunction {
  const resolve = lookup ?? (localhostLookup(hostname).lookup as LookupFunction | undefined) ?? systemLookup;
  return (host, options, callback) => {
    resolve(host, options, (error, found, family) => {
      const all = typeof found === 'string' ? [{ address: found, family: family ?? 4 }] : found;
      // After an error, `found` contains no address.
      const problems = error === null ? all.map(({ address }) => policy.ipProblem(address)) : [];
      const allowed = error === null ? all.filter((_, i) => problems[i] === undefined) : all;
      const [problem] = problems;
      if (problem !== undefined && allowed.length === 0)
        callback(addressRefused(`${host} resolves to a refused address: ${problem}`), []);
      else if (typeof found === 'string') callback(error, found, family);
      else callback(error, allowed);
    });
  };
}

/**
 * Returns why the client must not connect to an address, as the error of a dial; undefined if the client may connect.
 */
export function refusalOf(policy: ConnectPolicy | undefined, address: Address): Error | undefined {
  const problem = policy?.problemOf(address);
  return problem === undefined ? undefined : addressRefused(`${address.text} is refused: ${problem}`);
}

/** @param remoteAddress - IP address of the peer of an open connection; undefined for a Unix socket */
export function peerRefusal(
  policy: ConnectPolicy | undefined,
  remoteAddress: string | undefined,
): Error | undefined {
  const problem = remoteAddress === undefined ? undefined : policy?.ipProblem(remoteAddress);
  return problem === undefined ? undefined : addressRefused(`The peer is refused: ${problem}`);
}

function addressRefused(message: string): Error {
  return Object.assign(new Error(`${message}. No byte of a request was sent`), { code: 'ADDRESS_REFUSED' });
}
