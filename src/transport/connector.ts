import type { LookupFunction, Socket } from 'node:net';
import type { Address } from '../core/address.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import { readableTlsError } from '../core/tls-mismatch.js';
import type { TransportOptions } from '../core/transport.js';
import { checkedLookup, peerRefusal, refusalOf } from './checked-lookup.js';
import { undici, type Undici } from './load-undici.js';
import type { ConnectionListener } from './pooled-connection.js';

export type Connector = ReturnType<Undici['buildConnector']>;
/**
 * Opens a connection. Returns the connecting socket, which undici's type omits. A dial that opens further sockets
 * passes each socket to `onSocket` when the socket begins to connect, so that the caller can stop the dial.
 */
export type Dial = (
  requested: Parameters<Connector>[0],
  callback: Parameters<Connector>[1],
  onSocket?: (socket: Socket | undefined) => void,
) => Socket | undefined;

/**
 * Returns a function that dials `address` for every origin. With TLS, the certificate must be valid for the host name
 * in `address`, or for `connect.servername` of the program. The dial of an address that the policy refuses fails with
 * `ADDRESS_REFUSED`. If the program has its own connect function, the peer is checked on the open connection.
 * @param timeoutMs - connect timeout. Default: the `connectTimeout` of the program.
 */
export function createDial(
  address: Address,
  { tls, undici: undiciOptions, addressPolicy }: TransportOptions,
  timeoutMs?: number,
): Dial {
  const connectOption = undiciOptions.connect as object | Connector | null | undefined;
  const { lookup, servername } = (typeof connectOption === 'object' ? (connectOption ?? {}) : {}) as {
    readonly lookup?: LookupFunction;
    readonly servername?: string;
  };
  const dial =
    typeof connectOption === 'function'
      ? peerChecked(connectOption as Dial, addressPolicy)
      : (undici().buildConnector({
          ...localhostLookup(address.hostname),
          ...tls,
          ...(undiciOptions.allowH2 === undefined ? undefined : { allowH2: undiciOptions.allowH2 === true }),
          ...(undiciOptions.connectTimeout === undefined
            ? undefined
            : { timeout: undiciOptions.connectTimeout as number }),
          ...connectOption,
          ...(timeoutMs === undefined ? undefined : { timeout: timeoutMs }),
          ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
          ...(addressPolicy && { lookup: checkedLookup(addressPolicy, address.hostname, lookup) }),
        } as Parameters<Undici['buildConnector']>[0]) as Dial);
  const hostname = address.hostname || 'localhost';
  const target = {
    hostname,
    host: hostname,
    port: String(address.port || ''),
    protocol: address.protocol === 'https' ? 'https:' : 'http:',
    servername: servername ?? (isIpLiteral(hostname) ? '' : hostname),
  };
  return (requested, callback) => {
    const refusal = refusalOf(addressPolicy, address);
    if (refusal === undefined) return dial({ ...requested, ...target }, withReadableError(callback, address));
    queueMicrotask(() => callback(refusal, null));
    return undefined;
  };
}

function withReadableError(callback: Parameters<Dial>[1], { text }: Address): Parameters<Dial>[1] {
  return (...result) => {
    const [error] = result;
    if (error === null || (error as unknown) === undefined) callback(...result);
    else callback(readableTlsError(error, text), null);
  };
}

function peerChecked(dial: Dial, policy: TransportOptions['addressPolicy']): Dial {
  return (requested, callback) =>
    dial(requested, (...result) => {
      const [error, socket] = result;
      const refusal = error === null ? peerRefusal(policy, socket.remoteAddress) : undefined;
      if (error !== null || refusal === undefined) {
        callback(...result);
        return;
      }
      socket.destroy();
      callback(refusal, null);
    });
}

export function createConnector(dial: Dial, listener: ConnectionListener): Connector {
  return (requested, callback) => {
    const onSocket = (socket: Socket | undefined): void => listener.onDial(socket);
    const onSettled: typeof callback = (...result) => {
      const [error, connected] = result;
      if (error === null) listener.onConnected(connected);
      callback(...result);
      if (error === null) listener.onAccepted?.(connected);
    };
    onSocket(dial(requested, onSettled, onSocket));
  };
}

/** TLS does not allow an IP address as a server name. */
function isIpLiteral(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}
