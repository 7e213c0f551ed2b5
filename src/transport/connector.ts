import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TransportOptions } from '../core/transport.js';
import { undici, type Undici } from './load-undici.js';

/** An undici connector. */
export type Connector = ReturnType<Undici['buildConnector']>;
/** The actual type of undici's connectors: unlike their declared type, they return the socket. */
export type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Creates a connector that dials the endpoint's address whatever origin undici uses, and checks the
 * certificate of that address.
 *
 * @param onDial - gets each socket when it starts to connect
 * @param onConnected - gets each connected socket
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

/** Certificates hold IP addresses in their own form: an IP address is not a TLS server name. */
function isIpLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
