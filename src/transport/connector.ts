import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TransportOptions } from '../core/transport.js';
import { undici, type Undici } from './load-undici.js';

/** A function that opens the sockets of an undici client. */
export type Connector = ReturnType<Undici['buildConnector']>;
/**
 * Type of a connector as undici implements connectors: a connector returns the socket. undici's declaration has no
 * result.
 */
export type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Creates a connector that always dials `address`, whatever origin undici passes to the connector. With TLS, the
 * certificate must be valid for the host name in `address`.
 *
 * @param onDial - called with each socket when the socket starts to connect
 * @param onConnected - called with each socket when the socket has connected
 */
export function createConnector(
  address: Address,
  { tls, undici: undiciOptions }: TransportOptions,
  onDial: (socket: Socket | undefined) => void,
  onConnected: (socket: Socket) => void,
): Connector {
  const connectOption = undiciOptions.connect as object | Connector | undefined;
  const dial =
    typeof connectOption === 'function'
      ? (connectOption as Dial)
      : (undici().buildConnector({
          ...tls,
          ...(undiciOptions.allowH2 === undefined ? undefined : { allowH2: undiciOptions.allowH2 === true }),
          ...(undiciOptions.connectTimeout === undefined
            ? undefined
            : { timeout: undiciOptions.connectTimeout as number }),
          ...connectOption,
          ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
        } as Parameters<Undici['buildConnector']>[0]) as Dial);
  const hostname = address.hostname || 'localhost';
  const target = {
    hostname,
    host: hostname,
    port: String(address.port || ''),
    protocol: address.protocol === 'https' ? 'https:' : 'http:',
    servername: isIpLiteral(hostname) ? '' : hostname,
  };
  return (requested, callback) => {
    onDial(
      dial({ ...requested, ...target }, (...result) => {
        const [error, socket] = result;
        if (error === null) onConnected(socket);
        callback(...result);
      }),
    );
  };
}

/** Returns whether the host name is an IP address, which TLS does not allow as a server name. */
function isIpLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
