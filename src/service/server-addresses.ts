import { isUnspecified, parseAddress, urlHost, type Address, type AddressString } from '../core/address.js';
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

/**
 * Whether a server supports HTTP/2. Such a server emits 'stream' and then 'request' for an HTTP/2 request, and only
 * 'request' for an HTTP/1.1 request.
 */
export function isHttp2(server: ServerLike): boolean {
  return typeof (server as { readonly updateSettings?: unknown }).updateSettings === 'function';
}

export interface AdvertisedAddresses {
  readonly addresses: readonly AddressString[];
  /** The elements of `addresses` that come from the network interfaces of this host. */
  readonly enumeratedAddresses: readonly AddressString[];
}

export interface AddressSource {
  readonly hostAddresses: () => readonly string[];
  /** Host without port. Replaces the address of the listener. */
  readonly statedHost: string | undefined;
}

/**
 * Returns the addresses of a server, or the given addresses, best first. A server on all interfaces has all reachable
 * addresses of this host, then the loopback address. The same is true for an address such as `http://0.0.0.0:3001`.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when an address is invalid or the server is closed
 * @see [DEC C7](../../docs/background.md#arch-c7) (protocol tower)
 */
export function addressesOf(serverOrAddress: ServerOrAddress, source: AddressSource): AdvertisedAddresses {
  if (!isServer(serverOrAddress)) {
    const addresses = (
      Array.isArray(serverOrAddress) ? serverOrAddress : [serverOrAddress]
    ) as readonly unknown[];
    if (addresses.length === 0 || addresses.length > maxAddresses)
      throw new ClerkError(
        'CONFIG_INVALID',
        `advertise() needs 1 to ${maxAddresses} addresses; got ${addresses.length}`,
      );
    return addressesOfHost(
      addresses.map((one) => parseAddress(one)),
      source,
    );
  }
  const bound = serverOrAddress.address();
  if (bound === null)
    throw new ClerkError(
      'CONFIG_INVALID',
      'The server given to advertise() is closed; pass a server that listens or will listen',
    );
  // Every TLS server of Node has this method, including HTTP/2 servers.
  const secure =
    typeof (serverOrAddress as { readonly setSecureContext?: unknown }).setSecureContext === 'function';
  if (typeof bound === 'string') {
    const text = parseAddress(`${secure ? 'unix+https' : 'unix'}:${bound}`).text;
    return { addresses: [text], enumeratedAddresses: [] };
  }
  const textOf = (host: string): AddressString =>
    parseAddress(`${secure ? 'https' : 'http'}://${urlHost(host)}:${String(bound.port)}`).text;
  const { statedHost } = source;
  if (statedHost !== undefined || !isUnspecified(bound.address))
    return { addresses: [textOf(statedHost ?? bound.address)], enumeratedAddresses: [] };
  const addresses = allHosts(bound.address, source).map(textOf);
  return { addresses, enumeratedAddresses: addresses };
}

/** Replaces each address with the host `0.0.0.0` or `::` by the addresses of this host. */
function addressesOfHost(given: readonly Address[], source: AddressSource): AdvertisedAddresses {
  const addresses = new Set<AddressString>();
  const enumerated = new Set<AddressString>();
  for (const { text, hostname } of given) {
    if (!isUnspecified(hostname)) {
      addresses.add(text);
      continue;
    }
    const pattern = hostname === '::' ? '//[::]' : `//${hostname}`;
    for (const host of allHosts(hostname, source)) {
      const found = parseAddress(text.replace(pattern, `//${urlHost(host)}`)).text;
      if (addresses.size < maxAddresses && !addresses.has(found)) enumerated.add(found);
      if (addresses.size < maxAddresses) addresses.add(found);
    }
  }
  return { addresses: [...addresses], enumeratedAddresses: [...enumerated] };
}

function allHosts(unspecified: string, { hostAddresses }: AddressSource): readonly string[] {
  const isV4 = unspecified === '0.0.0.0';
  const reachable = hostAddresses().filter((host) => !isV4 || !host.includes(':'));
  return [...reachable.slice(0, maxAddresses - 1), isV4 ? '127.0.0.1' : '::1'];
}

export function untilListening(server: ServerLike, signal: AbortSignal | undefined): Promise<void> {
  if (server.listening) return Promise.resolve();
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
