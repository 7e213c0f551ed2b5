import { parseAddress, type AddressString } from '../core/address.js';
import { ClerkError, errorMessage } from '../core/errors.js';

/** A server of `node:http`, `node:https` or `node:http2`, or an object with the same members. */
export interface ServerLike {
  /** Whether the server is listening. */
  readonly listening: boolean;
  /** Bound address: an object for a TCP port, a path for a unix socket, null while the server does not listen. */
  address():
    | string
    | {
        /** IP address. */
        readonly address: string;
        /** TCP port. */
        readonly port: number;
      }
    | null;
  /** Adds a listener, as in `node:events`. */
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  /** Removes a listener, as in `node:events`. */
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** A server, an address, or a list of addresses. */
export type ServerOrAddress = ServerLike | AddressString | URL | readonly (AddressString | URL)[];

const maxAddresses = 16;

export function isServer(value: unknown): value is ServerLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<ServerLike>).address === 'function' &&
    typeof (value as Partial<ServerLike>).on === 'function'
  );
}

/** Whether a server emits 'stream' for HTTP/2 requests. Such a server emits only 'request' for HTTP/1.1 requests. */
export function isHttp2(server: ServerLike): boolean {
  return typeof (server as { readonly updateSettings?: unknown }).updateSettings === 'function';
}

/**
 * Returns the addresses of a server, or the given addresses, best first. Waits until the server listens. A server that
 * is bound to all addresses has the reachable addresses of the host, then the loopback address.
 *
 * @param hostAddresses - returns the addresses of this host that other hosts can reach
 * @throws {@link ClerkError} `CONFIG_INVALID` when an address is invalid or the server cannot listen; `ABORTED` when
 *   `signal` aborts
 * @see [DEC C7](../../docs/background.md#arch-c7) (protocol tower)
 */
export async function addressesOf(
  serverOrAddress: ServerOrAddress,
  hostAddresses: () => readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly AddressString[]> {
  if (!isServer(serverOrAddress)) {
    const addresses = (
      Array.isArray(serverOrAddress) ? serverOrAddress : [serverOrAddress]
    ) as readonly unknown[];
    if (addresses.length === 0 || addresses.length > maxAddresses)
      throw new ClerkError(
        'CONFIG_INVALID',
        `advertise() needs 1 to ${maxAddresses} addresses; got ${addresses.length}`,
      );
    return addresses.map((one) => parseAddress(one).text);
  }
  if (!serverOrAddress.listening) await waitUntilListening(serverOrAddress, signal);
  const bound = serverOrAddress.address();
  if (bound === null)
    throw new ClerkError(
      'CONFIG_INVALID',
      'The server given to advertise() is closed; pass a server that listens or will listen',
    );
  // Every TLS server of Node has this method, including HTTP/2 servers.
  const secure =
    typeof (serverOrAddress as { readonly setSecureContext?: unknown }).setSecureContext === 'function';
  if (typeof bound === 'string') return [parseAddress(`${secure ? 'unix+https' : 'unix'}:${bound}`).text];
  const scheme = secure ? 'https' : 'http';
  const texts = hostsOf(bound.address, hostAddresses).map(
    (host) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound.port}`,
  );
  return texts.map((text) => parseAddress(text).text);
}

function hostsOf(address: string, hostAddresses: () => readonly string[]): readonly string[] {
  const isV4 = address === '0.0.0.0';
  if (!isV4 && address !== '::') return [address];
  const reachable = hostAddresses().filter((host) => !isV4 || !host.includes(':'));
  return [...reachable.slice(0, maxAddresses - 1), isV4 ? '127.0.0.1' : '::1'];
}

function waitUntilListening(server: ServerLike, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cleanUp = (): void => {
      server.off('listening', onListening);
      server.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
    };
    const onListening = (): void => {
      cleanUp();
      resolve();
    };
    const onError = (error: unknown): void => {
      cleanUp();
      reject(
        new ClerkError(
          'CONFIG_INVALID',
          `The server given to advertise() cannot listen: ${errorMessage(error)}`,
          {
            cause: error,
          },
        ),
      );
    };
    const onAbort = (): void => {
      cleanUp();
      reject(advertiseAborted(signal as AbortSignal));
    };
    server.on('listening', onListening);
    server.on('error', onError);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
  });
}

export function advertiseAborted(signal: AbortSignal): ClerkError {
  return new ClerkError('ABORTED', 'advertise() was aborted by its caller', { cause: signal.reason });
}
