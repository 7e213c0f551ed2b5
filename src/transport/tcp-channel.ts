import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { Channel } from '../core/transport.js';
import type { Dial } from './connector.js';
import { undici } from './load-undici.js';

const connectTimeoutMs = 10_000;

/**
 * The channel to an endpoint without HTTP. The channel can connect and probe, but accepts no requests. To connect or
 * probe, the channel opens a connection to each address, and closes each connection as soon as it is established.
 */
export function tcpChannel(addresses: readonly Address[], clock: Clock): Channel {
  const connector = undici().buildConnector({}) as Dial;
  const pendingDials = new Set<(error: Error) => void>();
  let current = addresses[0] as Address;

  const dial = ({ text, hostname, port }: Address, timeoutMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connector(
        { hostname, host: hostname, port: String(port), protocol: 'http:' },
        (error, connected) => {
          over();
          if (error) reject(error);
          else resolve();
          connected?.destroy();
        },
      );
      const stop = (error: Error): void => {
        over();
        socket?.destroy();
        reject(error);
      };
      const timer = clock.setTimer(() => {
        stop(new Error(`No connection to ${text} within ${String(Math.round(timeoutMs))} ms`));
      }, timeoutMs);
      const over = (): void => {
        timer.cancel();
        pendingDials.delete(stop);
      };
      timer.setRef(false);
      socket?.unref();
      pendingDials.add(stop);
    });
  /** Dials all addresses at the same time. The first address that accepts a connection becomes the current address. */
  const dialAny = async (timeoutMs: number): Promise<void> => {
    current = await Promise.any(
      addresses.map(async (address) => {
        await dial(address, timeoutMs);
        return address;
      }),
    );
  };
  const stopAll = (error: Error): Promise<void> => {
    for (const stop of pendingDials) stop(error);
    return Promise.resolve();
  };
  return {
    get address() {
      return current;
    },
    dispatch: (_request, handler) => {
      handler.onError(
        new ClerkError(
          'CONFIG_INVALID',
          `Endpoint ${current.text} does not accept HTTP requests; use call() or acquire()`,
        ),
      );
    },
    connect: () => dialAny(connectTimeoutMs),
    probe: dialAny,
    resetConnections: () => undefined,
    nextAddress: () => false,
    close: () => stopAll(new ClerkError('CLERK_CLOSED', `The channel to ${current.text} is closed`)),
    destroy: stopAll,
  };
}
