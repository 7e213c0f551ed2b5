import { ClerkError, errorMessage } from '../core/errors.js';
import type { TransportFactory, TransportOptions } from '../core/transport.js';
import { httpChannel } from './http-channel.js';
import { tcpChannel } from './tcp-channel.js';
import { undici } from './load-undici.js';

/**
 * The transport over real sockets. Endpoints with HTTP use undici. Endpoints with TCP addresses only can be probed
 * and connected to, for `call` and `acquire`, but accept no HTTP requests.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when undici rejects the undici options
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

/** Checks undici's options at once instead of at the first call. */
function checkUndiciOptions({ undici: undiciOptions }: TransportOptions): void {
  try {
    void new (undici().Client)('http://localhost', { ...undiciOptions }).destroy();
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `undici rejects the option 'undici' of createClerk(): ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
