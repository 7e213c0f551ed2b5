/** How connections are made: undici is told of a logical host, the connector goes to the endpoint's own address. */
import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TransportOptions } from '../core/transport.js';
import { undici, type Undici } from './undici.js';

/** What undici connects with. */
export type Connector = ReturnType<Undici['buildConnector']>;
/** What undici's connectors do and their types do not say: they return the socket. */
export type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Connects to the address whatever undici believes to talk to, and checks the certificate of that address.
 *
 * @param onDialled - gets every socket when its connection is begun
 * @param onConnected - gets every socket whose connection stands
 */
export function connectorTo(
  address: Address,
  { tls, undici: handed }: TransportOptions,
  onDialled: (socket: Socket | undefined) => void,
  onConnected: (socket: Socket) => void,
): Connector {
  const own = handed.connect as object | Connector | undefined;
  const dial =
    typeof own === 'function'
      ? (own as Dial)
      : (undici().buildConnector({
          ...tls,
          ...(handed.allowH2 === undefined ? undefined : { allowH2: handed.allowH2 === true }),
          ...(handed.connectTimeout === undefined ? undefined : { timeout: handed.connectTimeout as number }),
          ...own,
          ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
        } as Parameters<Undici['buildConnector']>[0]) as Dial);
  const hostname = address.hostname || 'localhost';
  const there = {
    hostname,
    host: hostname,
    port: String(address.port || ''),
    protocol: address.protocol === 'https' ? 'https:' : 'http:',
    servername: isLiteral(hostname) ? '' : hostname,
  };
  return (asked, callback) => {
    onDialled(
      dial({ ...asked, ...there }, (...result) => {
        const [error, socket] = result;
        if (error === null) onConnected(socket);
        callback(...result);
      }),
    );
  };
}

/** A certificate names an IP address in its own way: TLS must not be told of it as a server name. */
function isLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
