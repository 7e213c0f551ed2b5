import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { parseAddress, type Address } from '../../src/core/address.js';
import type { Credentials } from '../../src/core/credentials.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

/** What a {@link PinnedServer} responds. */
export interface PinnedResponse {
  /** Pin of the client's key, as the server sees it; null without a client certificate. */
  readonly clientPin: string | null;
  readonly isResumed: boolean;
  readonly httpVersion: string;
}

export interface PinnedServer {
  readonly address: Address;
  /** Changes the key for new connections. */
  replaceKey(credentials: Credentials): void;
  close(): Promise<void>;
}

const tlsOptions = { minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false } as const;

/**
 * Starts a server for HTTP/1.1 and HTTP/2 over TLS 1.3 that asks for a client certificate.
 *
 * @param socketPath - path of a unix socket; undefined: a free port of 127.0.0.1
 */
export async function pinnedServer({ key, cert }: Credentials, socketPath?: string): Promise<PinnedServer> {
  const server = createSecureServer({ ...tlsOptions, allowHTTP1: true, key, cert });
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const socket = request.socket as unknown as Pick<TLSSocket, 'getPeerX509Certificate' | 'isSessionReused'>;
    const certificate = socket.getPeerX509Certificate();
    const body: PinnedResponse = {
      clientPin: certificate ? systemKeys.pinOf(certificate.raw) : null,
      isResumed: socket.isSessionReused(),
      httpVersion: request.httpVersion,
    };
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) =>
    socketPath === undefined ? server.listen(0, '127.0.0.1', resolve) : server.listen(socketPath, resolve),
  );
  return {
    address: parseAddress(
      socketPath === undefined
        ? `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`
        : `unix+https:${socketPath}`,
    ),
    replaceKey: (next) => server.setSecureContext({ ...tlsOptions, key: next.key, cert: next.cert }),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A TLS 1.3 server that counts the bytes inside TLS, and never responds. */
export interface ListeningTlsServer {
  readonly address: Address;
  readonly receivedBytes: number;
  readonly connections: number;
  close(): Promise<void>;
}

export async function listeningTlsServer({ key, cert }: Credentials): Promise<ListeningTlsServer> {
  const state = { receivedBytes: 0, connections: 0 };
  const sockets = new Set<TLSSocket>();
  const server = createServer({ ...tlsOptions, key, cert }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('data', (bytes: Buffer) => (state.receivedBytes += bytes.length));
  });
  server.on('connection', () => (state.connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: parseAddress(`https://127.0.0.1:${String(port)}`),
    get receivedBytes() {
      return state.receivedBytes;
    },
    get connections() {
      return state.connections;
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
