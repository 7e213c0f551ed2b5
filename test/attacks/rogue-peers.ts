/** Hostile servers and registries, and the honest client that meets them. */
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer as createTls, type TLSSocket, type TlsOptions } from 'node:tls';
import type { ClerkOptions } from '../../src/client/options.js';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { createClerk, type Clerk } from '../../src/create-clerk.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { securedRegistry, type SecuredRegistry } from '../support/secured-registry.js';
import type { ObservedWorld } from './attack.js';

export const service = '/shop/orders';
export const web = systemKeys.create('/shop/web');
export const orders = systemKeys.create(service);

/** A server that counts what it receives after the TLS handshake. */
export interface RogueServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface PeerWorld extends ObservedWorld {
  /** The honest registry; an attack may let it answer as a rogue registry does. */
  readonly registry: SecuredRegistry;
  /** Application bytes that all rogue servers have received. */
  readonly receivedBytes: number;
  /** Requests that honest servers have received. */
  requests: number;
  clerk(options?: ClerkOptions): Clerk;
  rogue(options: TlsOptions, port?: number): Promise<RogueServer>;
  /** Speaks no TLS. Every byte after the first TLS record counts, which is the ClientHello. */
  plainRogue(onConnection: (socket: Socket) => void): Promise<RogueServer>;
  honest(credentials?: CheckedCredentials, options?: TlsOptions, port?: number): Promise<RogueServer>;
  /** An honest server that redirects every request. */
  redirecting(location: string): Promise<RogueServer>;
  close(): Promise<void>;
}

export async function startPeerWorld(): Promise<PeerWorld> {
  const registry = await securedRegistry();
  registry.principals.set(web.pin, web.name);
  const closers: (() => Promise<void> | void)[] = [];
  const state = { receivedBytes: 0, requests: 0 };
  const listen = async (server: Server, port = 0): Promise<RogueServer> => {
    const sockets = new Set<Socket>();
    for (const event of ['connection', 'secureConnection'])
      server.on(event, (socket: Socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
      });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const bound = (server.address() as AddressInfo).port;
    const close = async (): Promise<void> => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    };
    closers.push(close);
    return { address: `https://127.0.0.1:${String(bound)}`, port: bound, close };
  };
  return {
    registry,
    get receivedBytes() {
      return state.receivedBytes;
    },
    get requests() {
      return state.requests;
    },
    set requests(count: number) {
      state.requests = count;
    },
    clerk(options = {}) {
      const clerk = createClerk({
        ...{ registry: registry.url, registryKey: registry.credentials.pin, identity: () => web },
        ...options,
      });
      closers.push(() => clerk.destroy());
      return clerk;
    },
    rogue: (options, port) =>
      listen(
        createTls({ requestCert: true, rejectUnauthorized: false, ...options }, (socket: TLSSocket) => {
          socket.on('data', (bytes: Buffer) => (state.receivedBytes += bytes.length));
        }),
        port,
      ),
    plainRogue: (onConnection) =>
      listen(
        createTcp((socket) => {
          let received = Buffer.alloc(0);
          socket.on('data', (bytes: Buffer) => {
            const before = bytesAfterRecord(received);
            received = Buffer.concat([received, bytes]);
            state.receivedBytes += bytesAfterRecord(received) - before;
          });
          onConnection(socket);
        }),
      ),
    honest: ({ key, cert } = orders, options = {}, port?: number) =>
      listen(
        createHttps(
          { key, cert, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false, ...options },
          (_request, response) => {
            state.requests++;
            response.end('ok');
          },
        ),
        port,
      ),
    redirecting: (location) =>
      listen(
        createHttps(
          {
            key: orders.key,
            cert: orders.cert,
            minVersion: 'TLSv1.3',
            requestCert: true,
            rejectUnauthorized: false,
          },
          (_request, response) => {
            state.requests++;
            response.writeHead(302, { location }).end();
          },
        ),
      ),
    snapshot: async () => `${String(state.receivedBytes)} bytes, ${String(state.requests)} requests`,
    async close() {
      for (const close of closers.reverse()) await close();
      await registry.close();
    },
  };
}

/** The type, the version and the length, in 5 bytes, precede the content of a TLS record. */
function bytesAfterRecord(bytes: Buffer): number {
  if (bytes.length < 5) return 0;
  const isHandshake = bytes[0] === 22;
  return Math.max(0, bytes.length - (isHandshake ? 5 + bytes.readUInt16BE(3) : 0));
}
