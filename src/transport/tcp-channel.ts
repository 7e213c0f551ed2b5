import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import type { Channel, ConnectPolicy } from '../core/transport.js';
import { checkedLookup, refusalOf } from './checked-lookup.js';
import type { Dial } from './connector.js';
import { undici, type Undici } from './load-undici.js';

const connectTimeoutMs = 10_000;

/**
 * The channel to an endpoint without HTTP, which can connect and probe, but sends no requests. Each new connection is
 * closed as soon as it is established.
 */
export function tcpChannel(
  addresses: readonly Address[],
  clock: Clock,
  policy: ConnectPolicy | undefined,
): Channel {
  const pendingDials = new Set<(error: Error) => void>();
  let current = addresses[0] as Address;

  const startDial = (address: Address, timeoutMs: number) => {
    const { text, hostname, port } = address;
    const refusal = refusalOf(policy, address);
    if (refusal !== undefined) return { connected: Promise.reject(refusal), stop: () => undefined };
    const lookup = policy ? { lookup: checkedLookup(policy, hostname) } : localhostLookup(hostname);
    const options = { autoSelectFamily: true, ...lookup };
    const connector = undici().buildConnector(options as Parameters<Undici['buildConnector']>[0]) as Dial;
    let stop = (_error: Error): void => undefined;
    const connected = new Promise<Address>((resolve, reject) => {
      const socket = connector(
        { hostname, host: hostname, port: String(port), protocol: 'http:' },
        (error, accepted) => {
          over();
          if (error) reject(error);
          else resolve(address);
          accepted?.destroy();
        },
      );
      stop = (error) => {
        over();
        socket?.destroy();
        reject(error);
      };
      const timer = clock.setTimer(() => {
        stop(
          new Error(`No connection to ${text} was established within ${String(Math.round(timeoutMs))} ms`),
        );
      }, timeoutMs);
      const over = (): void => {
        timer.cancel();
        pendingDials.delete(stop);
      };
      timer.setRef(false);
      socket?.unref();
      pendingDials.add(stop);
    });
    return { connected, stop };
  };
  const dialAny = async (timeoutMs: number, signal?: AbortSignal): Promise<void> => {
    const dials = addresses.map((address) => startDial(address, timeoutMs));
    const stop = (): void => {
      for (const dial of dials) dial.stop(new Error('The connection is no longer needed'));
    };
    signal?.addEventListener('abort', stop);
    try {
      current = await Promise.any(dials.map(({ connected }) => connected));
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
    }
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
    connect: (signal) => dialAny(connectTimeoutMs, signal),
    probe: (timeoutMs) => dialAny(timeoutMs),
    resetConnections: () => undefined,
    nextAddress: () => false,
    close: () => stopAll(new ClerkError('CLERK_CLOSED', `The channel to ${current.text} is closed`)),
    destroy: stopAll,
  };
}
