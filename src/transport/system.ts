/** The transport of the real world: HTTP over undici, and bare sockets that only `call` and `acquire` can use. */
import { ClerkError, reasonOf } from '../core/errors.js';
import type { TransportFactory, TransportOptions } from '../core/transport.js';
import { httpChannel } from './http.js';
import { rawChannel } from './raw.js';
import { undici } from './undici.js';

/**
 * Makes channels over real sockets.
 *
 * @throws a `ClerkError` `CONFIG_INVALID` when undici refuses the options meant for it
 */
export const systemTransport: TransportFactory = (options, clock) => {
  checkOptions(options);
  return {
    open(_endpoint, addresses, authority) {
      const http = addresses.filter((address) => address.protocol !== 'tcp');
      return http.length > 0 ? httpChannel(http, authority, options, clock) : rawChannel(addresses, clock);
    },
  };
};

/** undici itself knows best what it takes: better asked now than at the first call. */
function checkOptions({ undici: given }: TransportOptions): void {
  try {
    void new (undici().Client)('http://localhost', { ...given }).destroy();
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `createClerk's undici has an option that undici refuses: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}
