import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import type { TlsOptions } from '../core/transport.js';
import type * as undiciModule from 'undici';

export type UndiciModule = typeof undiciModule;

type Connector = ReturnType<UndiciModule['buildConnector']>;
/** A connector of undici. It returns the socket, which the types of undici omit. */
type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/** A connector whose connected sockets never keep the process alive. */
export interface UnrefConnector {
  readonly connect: Connector;
  /** Destroys connecting sockets. undici leaves them open, which would keep the process alive. */
  readonly destroyConnecting: () => void;
}

/** @param timeoutMs - limit for the connection with its TLS handshake; accurate to about 500 ms */
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

export function originOf({ protocol, hostname, port, socketPath }: Address): string {
  const scheme = protocol === 'https' ? 'https' : 'http';
  if (socketPath !== undefined) return `${scheme}://localhost`;
  return `${scheme}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${String(port)}`;
}
