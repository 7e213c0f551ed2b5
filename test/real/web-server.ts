import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';
import { probeUserAgent } from './raw-peer.js';
import { freePort } from '../support/free-port.js';

/** An ordinary HTTP server for one test; records the requests of its handler. */
export interface WebServer {
  readonly address: string;
  readonly server: Server;
  /** Method and path of every request except health probes, in order of arrival. */
  readonly requests: readonly string[];
  /** Their `Host` headers. */
  readonly hosts: readonly string[];
  /** Resolves when `count` requests have arrived. */
  waitForRequests(count: number): Promise<void>;
}

/** Where to listen. */
export interface ListenOptions {
  readonly tls?: TlsOptions;
  /** On a unix socket in a folder of its own. */
  readonly unix?: boolean;
}

/** Starts a server on a free loopback port or on a unix socket; it ends with the test. */
export async function webServer(
  handle: RequestListener,
  { tls, unix = false }: ListenOptions = {},
): Promise<WebServer> {
  const requests: string[] = [];
  const hosts: string[] = [];
  const waiting: (() => void)[] = [];
  const listener: RequestListener = (request, response) => {
    if (request.headers['user-agent'] === probeUserAgent) {
      response.statusCode = 204;
      response.end();
      return;
    }
    requests.push(`${request.method} ${request.url}`);
    hosts.push(String(request.headers.host ?? request.headers[':authority']));
    for (const check of waiting) check();
    handle(request, response);
  };
  const server = tls ? (createSecureServer(tls, listener) as unknown as Server) : createServer(listener);
  // Connections must not close while a test waits.
  server.keepAliveTimeout = 60_000;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const folder = unix ? mkdtempSync(join(tmpdir(), 'clerk-')) : undefined;
  const path = folder === undefined ? undefined : join(folder, 'socket');
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(path, resolve);
  });
  onTestFinished(async () => {
    // The server does not track upgraded connections.
    for (const socket of sockets) socket.destroy();
    await stop(server);
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });
  const address =
    path === undefined
      ? `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`
      : `${tls ? 'unix+https' : 'unix'}:${path}`;
  return {
    address,
    server,
    requests,
    hosts,
    waitForRequests: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (requests.length >= count) resolve();
        };
        waiting.push(check);
        check();
      }),
  };
}

/** A loopback address that refuses connections. */
export async function unusedAddress(scheme: 'http' | 'https' = 'http'): Promise<string> {
  return `${scheme}://127.0.0.1:${await freePort()}`;
}

/** Stops accepting connections and closes open ones; resolves when done. */
export async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Reads the body of a request. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
