/** The transport of the real world: HTTP over undici, and bare sockets that only `call` and `acquire` can use. */
import type { TransportFactory } from '../core/transport.js';
import { httpChannel, rawChannel } from './http.js';

/** Makes channels over real sockets. */
export const systemTransport: TransportFactory = (options, clock) => ({
  open(_endpoint, addresses, authority) {
    const http = addresses.filter((address) => address.protocol !== 'tcp');
    return http.length > 0 ? httpChannel(http, authority, options, clock) : rawChannel(addresses, clock);
  },
});
