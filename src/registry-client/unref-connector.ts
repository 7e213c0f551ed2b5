import type { Socket } from 'node:net';
import { urlHost, type Address } from '../core/address.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import type { TlsOptions } from '../core/transport.js';
import type * as undiciModule from 'undici';
import type { ResponseHead } from './json-response.js';

export type UndiciModule = typeof undiciModule;

type Connector = ReturnType<UndiciModule['buildConnector']>;
/** A connector of undici. It returns the socket, which the types of undici omit. */
export type RegistryDial = (...args: Parameters<Connector>) => Socket | undefined;

/** Opens connections to registry servers that must prove a known key. */
export interface RegistryDialer {
  /** Called before each dial, which waits for the promise. */
  prepare(): Promise<unknown>;
  /**
   * Called before each request and stream, to find out whether the key has changed. May return before a change is
   * noticed. Never throws.
   */
  poll?(): void;
  dial(address: Address, timeoutMs: number): RegistryDial;
  /** Called with the head of each response of the server. Never throws. */
  onResponse?(head: Pick<ResponseHead, 'status' | 'registryKeys' | 'incarnation'>): void;
  /**
   * The listener is called when new connections prove another key than present connections. Returns a function that
   * removes the listener.
   */
  onChanged(listener: () => void): () => void;
}

export interface UnrefConnectorOptions {
  readonly undici: UndiciModule;
  readonly address: Address;
  readonly tls: TlsOptions;
  /** Undefined: undici opens the connections, and Node checks the certificate of a TLS server. */
  readonly dialer: RegistryDialer | undefined;
  /** Limit for the connection with its TLS handshake; accurate to about 500 ms. */
  readonly timeoutMs: number;
}

/** A connector whose connected sockets never keep the process alive. */
export interface UnrefConnector {
  readonly connect: Connector;
  /** Destroys connecting sockets. undici leaves them open, which would keep the process alive. */
  readonly destroyConnecting: () => void;
}

export function unrefConnector(options: UnrefConnectorOptions): UnrefConnector {
  const { address, dialer, timeoutMs } = options;
  const dial = dialer === undefined ? undiciDial(options) : dialer.dial(address, timeoutMs);
  const connecting = new Set<Socket>();
  let isDestroyed = false;
  const start: Connector = (target, callback) => {
    const socket = dial(target, (...result) => {
      if (socket !== undefined) connecting.delete(socket);
      callback(...result);
    });
    if (socket === undefined) return;
    connecting.add(socket);
    socket.unref();
    // undici calls `ref` before each request, which would keep the process alive.
    socket.ref = () => socket;
  };
  return {
    connect(target, callback) {
      if (dialer === undefined) {
        start(target, callback);
        return;
      }
      dialer.prepare().then(
        () => {
          if (isDestroyed) callback(new Error('The connection is closed'), null);
          else start(target, callback);
        },
        (error: unknown) => callback(error as Error, null),
      );
    },
    destroyConnecting: () => {
      isDestroyed = true;
      for (const socket of connecting) socket.destroy();
      connecting.clear();
    },
  };
}

function undiciDial({ undici, address, tls, timeoutMs }: UnrefConnectorOptions): RegistryDial {
  return undici.buildConnector({
    ...localhostLookup(address.hostname),
    ...tls,
    allowH2: false,
    timeout: timeoutMs,
    ...(address.socketPath === undefined ? undefined : { socketPath: address.socketPath }),
  } as Parameters<UndiciModule['buildConnector']>[0]) as RegistryDial;
}

export function originOf({ protocol, hostname, port, socketPath }: Address): string {
  const scheme = protocol === 'https' ? 'https' : 'http';
  if (socketPath !== undefined) return `${scheme}://localhost`;
  return `${scheme}://${urlHost(hostname)}:${String(port)}`;
}
