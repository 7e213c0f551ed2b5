/**
 * Where a server listens, read from the server itself: nobody writes down a port twice. A server that listens on all
 * of the host's addresses gets one that others can reach for each, and one for this host, at the end.
 *
 * @see "A Distributed Systems Architecture for the 1990's" C7 (protocol tower)
 */
import { parseAddress, type AddressText } from '../core/address.js';
import { ClerkError, reasonOf } from '../core/errors.js';

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
export type Place = ServerLike | AddressText | URL | readonly (AddressText | URL)[];

/** Most addresses of one endpoint. */
const mostAddresses = 16;

/** Whether it is a server rather than an address. */
export function isServer(place: unknown): place is ServerLike {
  return (
    typeof place === 'object' &&
    place !== null &&
    typeof (place as Partial<ServerLike>).address === 'function' &&
    typeof (place as Partial<ServerLike>).on === 'function'
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
  place: Place,
  hostAddresses: () => readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly AddressText[]> {
  if (!isServer(place)) {
    const given = (Array.isArray(place) ? place : [place]) as readonly unknown[];
    if (given.length === 0 || given.length > mostAddresses)
      throw new ClerkError(
        'CONFIG_INVALID',
        `advertise() needs 1 to ${String(mostAddresses)} addresses, not ${String(given.length)}`,
      );
    return given.map((one) => parseAddress(one).text);
  }
  if (!place.listening) await listened(place, signal);
  const at = place.address();
  if (at === null) throw new ClerkError('CONFIG_INVALID', 'The server given to advertise() was closed');
  // Every TLS server of Node has it, HTTP/2's too.
  const secure = typeof (place as { readonly setSecureContext?: unknown }).setSecureContext === 'function';
  if (typeof at === 'string') return [parseAddress(`${secure ? 'unix+https' : 'unix'}:${at}`).text];
  const scheme = secure ? 'https' : 'http';
  const texts = hostsOf(at.address, hostAddresses).map(
    (host) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${String(at.port)}`,
  );
  return texts.map((text) => parseAddress(text).text);
}

function hostsOf(address: string, hostAddresses: () => readonly string[]): readonly string[] {
  const isV4 = address === '0.0.0.0';
  if (!isV4 && address !== '::') return [address];
  const reachable = hostAddresses().filter((host) => !isV4 || !host.includes(':'));
  return [...reachable.slice(0, mostAddresses - 1), isV4 ? '127.0.0.1' : '::1'];
}

function listened(server: ServerLike, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      server.off('listening', onListening);
      server.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
    };
    const onListening = (): void => {
      over();
      resolve();
    };
    const onError = (error: unknown): void => {
      over();
      reject(
        new ClerkError(
          'CONFIG_INVALID',
          `The server given to advertise() does not listen: ${reasonOf(error)}`,
          {
            cause: error,
          },
        ),
      );
    };
    const onAbort = (): void => {
      over();
      reject(aborted(signal as AbortSignal));
    };
    server.on('listening', onListening);
    server.on('error', onError);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
  });
}

/** What whoever gave up is told. */
export function aborted(signal: AbortSignal): ClerkError {
  return new ClerkError('ABORTED', 'The advertisement was aborted by its caller', { cause: signal.reason });
}
