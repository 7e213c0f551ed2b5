/** An ordinary HTTP server for one test: counts the requests that its handler was given, and ends with the test. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';
import { probeUserAgent } from './raw-peer.js';

/** See the file's header. */
export interface WebServer {
  readonly address: string;
  readonly server: Server;
  /** Method and path of every request but questions for a sign of life, in order of arrival. */
  readonly requests: readonly string[];
  /** The `Host` headers that came with them. */
  readonly hosts: readonly string[];
  /** Resolves when `count` requests have arrived. */
  waitForRequests(count: number): Promise<void>;
}

/** How to listen. */
export interface ListenOptions {
  readonly tls?: TlsOptions;
  /** On a unix socket in a folder of its own. */
  readonly unix?: boolean;
}

/** Starts one on a free port of 127.0.0.1, or on a unix socket. */
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
  // No connection may end because a test takes its time.
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
    // Those that were upgraded are the server's no more.
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

/** An address of 127.0.0.1 where nobody listens. */
export async function unusedAddress(scheme: 'http' | 'https' = 'http'): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await stop(server);
  return `${scheme}://127.0.0.1:${port}`;
}

/** Takes no new connections and cuts those that stand; ready when it has ended. */
export async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** All of a request's body. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
