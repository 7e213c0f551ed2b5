import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import type { TlsOptions } from '../core/transport.js';
import type * as undiciModule from 'undici';

export type UndiciModule = typeof undiciModule;

type Connector = ReturnType<UndiciModule['buildConnector']>;
/**
 * Type of the connectors that undici builds. A connector returns the socket, but the types of undici omit the socket.
 */
type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/** A connector whose connected sockets never keep the process alive. */
export interface UnrefConnector {
  readonly connect: Connector;
  /**
   * Destroys the sockets that are still connecting. undici leaves these sockets open, which keeps the process alive.
   */
  readonly destroyConnecting: () => void;
}

/**
 * Creates an {@link UnrefConnector}.
 *
 * @param timeoutMs - time limit for the connection and its TLS handshake together, in ms; accurate to about 500 ms
 */
export function unrefConnector(
  undici: UndiciModule,
  address: Address,
  tls: TlsOptions,
  timeoutMs: number,
): UnrefConnector {
  const dial = undici.buildConnector({
    ...localhostLookup(address.hostname),
    ...tls,
    allowH2: false,
    timeout: timeoutMs,
    ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
  } as Parameters<UndiciModule['buildConnector']>[0]) as Dial;
  const connecting = new Set<Socket>();
  return {
    connect(options, callback) {
      const socket = dial(options, (...result) => {
        if (socket !== undefined) connecting.delete(socket);
        callback(...result);
      });
      if (socket === undefined) return;
      connecting.add(socket);
      socket.unref();
      // undici calls `ref` before each request, which would keep the process alive.
      socket.ref = () => socket;
    },
    destroyConnecting: () => {
      for (const socket of connecting) socket.destroy();
      connecting.clear();
    },
  };
}

/** Returns the origin of an address for undici and the header `Host`. */
export function originOf({ protocol, hostname, port, socketPath }: Address): string {
  const scheme = protocol === 'https' ? 'https' : 'http';
  if (socketPath !== undefined) return `${scheme}://localhost`;
  return `${scheme}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${String(port)}`;
}
