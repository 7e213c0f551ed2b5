import { ClerkError, errorMessage } from '../core/errors.js';
import type { TransportFactory, TransportOptions } from '../core/transport.js';
import { EndpointDialer } from './endpoint-dialer.js';
import { HttpChannel } from './http-channel.js';
import { SharedPools } from './shared-pools.js';
import { ProbeClient } from './probe.js';
import { tcpChannel } from './tcp-channel.js';
import { TlsCheck } from './tls-check.js';
import { undici } from './load-undici.js';

/**
 * The transport over real sockets. An endpoint with only TCP addresses accepts connections and probes, but no HTTP
 * requests.
 * @throws {@link ClerkError} `CONFIG_INVALID` when undici rejects the undici options
 */
export const defaultTransport: TransportFactory = (options, clock) => {
  checkUndiciOptions(options);
  const dialer = new EndpointDialer(options, clock);
  const pools = new SharedPools(options, clock, dialer);
  const tlsCheck = new TlsCheck(options, clock);
  return {
    open(endpoint, addresses, authority) {
      const http = addresses.filter((address) => address.protocol !== 'tcp');
      return http.length > 0
        ? new HttpChannel(endpoint, http, authority, pools, new ProbeClient(clock, dialer), (address) =>
            tlsCheck.answers(address),
          )
        : tcpChannel(addresses, clock, options.addressPolicy);
    },
  };
};

/** Without this check, the first call would fail instead of `createClerk`. Loads undici even if no option is given. */
function checkUndiciOptions({ undici: undiciOptions }: TransportOptions): void {
  const { Client } = undici();
  if (Object.keys(undiciOptions).length === 0) return;
  try {
    void new Client('http://localhost', { ...undiciOptions }).destroy();
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `undici rejects the option 'undici' of createClerk(): ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
