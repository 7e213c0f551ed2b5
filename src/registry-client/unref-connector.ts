import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TlsOptions } from '../core/transport.js';
import type * as undiciModule from 'undici';

/** The undici module, passed in by the entries. */
export type UndiciModule = typeof undiciModule;

type Connector = ReturnType<UndiciModule['buildConnector']>;
/** The actual type of undici's connectors: unlike their declared type, they return the socket. */
type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Creates a connector whose sockets never keep the process alive.
 *
 * @param timeoutMs - time for connecting, TLS handshake included, in ms; undici's timer is coarse
 */
export function unrefConnector(
  undici: UndiciModule,
  address: Address,
  tls: TlsOptions,
  timeoutMs: number,
): Connector {
  const dial = undici.buildConnector({
    ...tls,
    allowH2: false,
    timeout: timeoutMs,
    ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
  } as Parameters<UndiciModule['buildConnector']>[0]) as Dial;
  return (options, callback) => {
    const socket = dial(options, callback);
    if (socket === undefined) return;
    socket.unref();
    // undici refs the socket again for each request on an idle connection.
    socket.ref = () => socket;
  };
}

/** Origin of an address for undici and the `Host` header. */
export function originOf({ protocol, hostname, port, socketPath }: Address): string {
  const scheme = protocol === 'https' ? 'https' : 'http';
  if (socketPath !== undefined) return `${scheme}://localhost`;
  return `${scheme}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${String(port)}`;
}
