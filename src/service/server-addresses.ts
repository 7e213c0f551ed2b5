/**
 * Where a server listens, read from the server itself: nobody writes down a port twice. A server that listens on all
 * of the host's addresses gets one that others can reach for each, and one for this host, at the end.
 *
 * @see "A Distributed Systems Architecture for the 1990's" C7 (protocol tower)
 */
import { parseAddress, type AddressString } from '../core/address.js';
import { ClerkError, errorMessage } from '../core/errors.js';

/** A server of `node:http`, `node:https` or `node:http2`, or anything that listens as they do. */
export interface ServerLike {
  /** Whether it listens already. */
  readonly listening: boolean;
  /** Where it listens: an object for a port, a path for a unix socket. */
  address():
    | string
    | {
        /** The address it is bound to. */
        readonly address: string;
        /** Its port. */
        readonly port: number;
      }
    | null;
  /** As of `node:events`. */
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  /** As of `node:events`. */
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Where a service can be: its server, or what is known of it. */
export type ServerOrAddress = ServerLike | AddressString | URL | readonly (AddressString | URL)[];

/** Most addresses of one endpoint. */
const maxAddresses = 16;

/** Whether it is a server rather than an address. */
export function isServer(value: unknown): value is ServerLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<ServerLike>).address === 'function' &&
    typeof (value as Partial<ServerLike>).on === 'function'
  );
}

/** Whether a server tells of streams: whatever speaks HTTP/2, over HTTP/1.1 too if it is allowed to. */
export function isHttp2(server: ServerLike): boolean {
  return typeof (server as { readonly updateSettings?: unknown }).updateSettings === 'function';
}

/**
 * The addresses of a place, best first; of a server once it listens.
 *
 * @param hostAddresses - those of this host that others can reach
 * @throws a `ClerkError` `CONFIG_INVALID` for an address that is none, and a server that fails to listen
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
        `advertise() needs 1 to ${String(maxAddresses)} addresses, not ${String(addresses.length)}`,
      );
    return addresses.map((one) => parseAddress(one).text);
  }
  if (!serverOrAddress.listening) await waitUntilListening(serverOrAddress, signal);
  const bound = serverOrAddress.address();
  if (bound === null) throw new ClerkError('CONFIG_INVALID', 'The server given to advertise() was closed');
  // Every TLS server of Node has it, HTTP/2's too.
  const secure =
    typeof (serverOrAddress as { readonly setSecureContext?: unknown }).setSecureContext === 'function';
  if (typeof bound === 'string') return [parseAddress(`${secure ? 'unix+https' : 'unix'}:${bound}`).text];
  const scheme = secure ? 'https' : 'http';
  const texts = hostsOf(bound.address, hostAddresses).map(
    (host) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${String(bound.port)}`,
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
          `The server given to advertise() does not listen: ${errorMessage(error)}`,
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

/** What whoever gave up is told. */
export function advertiseAborted(signal: AbortSignal): ClerkError {
  return new ClerkError('ABORTED', 'The advertisement was aborted by its caller', { cause: signal.reason });
}
