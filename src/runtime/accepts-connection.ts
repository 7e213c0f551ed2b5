import { connect, type LookupFunction } from 'node:net';
import type { Address } from '../core/address.js';
import { localhostLookup } from '../core/localhost-lookup.js';

/**
 * Whether a connection to an address succeeds before `signal` aborts. Closes the connection at once, and sends no
 * bytes. Never rejects. Does not keep the process alive.
 */
export function acceptsConnection(
  { hostname, port, socketPath }: Address,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(
      socketPath === undefined
        ? {
            ...{ host: hostname, port, autoSelectFamily: true },
            ...(localhostLookup(hostname) as { readonly lookup?: LookupFunction }),
          }
        : { path: socketPath },
    );
    const settle = (accepted: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(accepted);
    };
    const onAbort = (): void => settle(false);
    signal.addEventListener('abort', onAbort);
    socket.on('error', onAbort).once('connect', () => settle(true));
    socket.unref();
  });
}
