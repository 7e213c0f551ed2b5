/** The transport of the real world: HTTP over undici, and bare sockets that only `call` and `acquire` can use. */
import { ClerkError, errorMessage } from '../core/errors.js';
import type { TransportFactory, TransportOptions } from '../core/transport.js';
import { httpChannel } from './http-channel.js';
import { tcpChannel } from './tcp-channel.js';
import { undici } from './load-undici.js';

/**
 * Makes channels over real sockets.
 *
 * @throws a `ClerkError` `CONFIG_INVALID` when undici refuses the options meant for it
 */
export const defaultTransport: TransportFactory = (options, clock) => {
  checkUndiciOptions(options);
  return {
    open(_endpoint, addresses, authority) {
      const http = addresses.filter((address) => address.protocol !== 'tcp');
      return http.length > 0 ? httpChannel(http, authority, options, clock) : tcpChannel(addresses, clock);
    },
  };
};

/** undici itself knows best what it takes: better asked now than at the first call. */
function checkUndiciOptions({ undici: undiciOptions }: TransportOptions): void {
  try {
    void new (undici().Client)('http://localhost', { ...undiciOptions }).destroy();
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `createClerk's undici has an option that undici refuses: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
