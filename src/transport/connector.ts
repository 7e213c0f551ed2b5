import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TransportOptions } from '../core/transport.js';
import { undici, type Undici } from './load-undici.js';

/** An undici connector. */
export type Connector = ReturnType<Undici['buildConnector']>;
/** Actual type of undici's connectors. Unlike the type that undici declares, a connector returns the socket. */
export type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Creates a connector that dials the endpoint's address, whichever origin undici passes. The connector checks the
 * certificate for the host name of that address.
 *
 * @param onDial - called with each socket when the socket starts to connect
 * @param onConnected - called with each connected socket
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

/** Returns whether the host name is an IP address. TLS does not allow an IP address as server name. */
function isIpLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
