/** How connections are made: undici is told of a logical host, the connector goes to the endpoint's own address. */
import type { Socket } from 'node:net';
import type { Address } from '../core/address.js';
import type { TransportOptions } from '../core/transport.js';
import { undici, type Undici } from './load-undici.js';

/** What undici connects with. */
export type Connector = ReturnType<Undici['buildConnector']>;
/** What undici's connectors do and their types do not say: they return the socket. */
export type Dial = (...args: Parameters<Connector>) => Socket | undefined;

/**
 * Connects to the address whatever undici believes to talk to, and checks the certificate of that address.
 *
 * @param onDial - gets every socket when its connection is begun
 * @param onConnected - gets every socket whose connection stands
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

/** A certificate names an IP address in its own way: TLS must not be told of it as a server name. */
function isIpLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
