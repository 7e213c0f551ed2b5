/** The channel of an endpoint that speaks no HTTP: it can be watched, not asked. */
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { Channel } from '../core/transport.js';
import type { Dial } from './connector.js';
import { undici } from './load-undici.js';

const connectTimeoutMs = 10_000;

/** Makes the channel. A connection is made to see whether one can be made, and ended at once. */
export function tcpChannel(addresses: readonly Address[], clock: Clock): Channel {
  const connector = undici().buildConnector({}) as Dial;
  const pendingDials = new Set<(error: Error) => void>();
  let current = addresses[0] as Address;

  const dial = ({ text, hostname, port }: Address, limitMs: number): Promise<void> =>
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
        stop(new Error(`No connection to ${text} within ${String(Math.round(limitMs))} ms`));
      }, limitMs);
      const over = (): void => {
        timer.cancel();
        pendingDials.delete(stop);
      };
      timer.setRef(false);
      socket?.unref();
      pendingDials.add(stop);
    });
  /** Any address will do, and the one that answers is the one to use. */
  const dialAny = async (limitMs: number): Promise<void> => {
    current = await Promise.any(
      addresses.map(async (address) => {
        await dial(address, limitMs);
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
          `Endpoint ${current.text} speaks no HTTP; use call() or acquire() for it`,
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
