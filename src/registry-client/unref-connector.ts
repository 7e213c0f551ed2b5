/** Connections that keep no process alive, however much is asked on them: whoever waits holds the process if need be. */
import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TlsOptions } from '../core/transport.js';
import { undici, type Undici } from '../transport/load-undici.js';

type Connector = ReturnType<Undici['buildConnector']>;
/** What undici's connectors do and their types do not say: they return the socket. */
type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Makes the connector of one server.
 *
 * @param timeoutMs - how long a connection, handshake included, may take to come about; undici's clock is coarse
 */
export function unrefConnector(address: Address, tls: TlsOptions, timeoutMs: number): Connector {
  const dial = undici().buildConnector({
    ...tls,
    allowH2: false,
    timeout: timeoutMs,
    ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
  } as Parameters<Undici['buildConnector']>[0]) as Dial;
  return (options, callback) => {
    const socket = dial(options, callback);
    if (socket === undefined) return;
    socket.unref();
    // undici holds the process again with each question on a connection that was idle.
    socket.ref = () => socket;
  };
}

/** What a server is called in the `Host` header. */
export function originOf({ protocol, hostname, port, socketPath }: Address): string {
  const scheme = protocol === 'https' ? 'https' : 'http';
  if (socketPath !== undefined) return `${scheme}://localhost`;
  return `${scheme}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${String(port)}`;
}
