/**
 * The server's socket: node:http with every limit set, guarded, counted, and handed on to the routes. Closing it ends
 * watches, lets requests in flight finish, and cuts what has not finished by then.
 *
 * @see promises A7, A9, C8.2
 */
import { getRequestListener } from '@hono/node-server';
import { createServer, STATUS_CODES, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { sleep } from '../../core/clock.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { encodeError } from '../../protocol/error-codec.js';
import { limits } from '../../protocol/limits.js';
import type { Launcher, NameService, ServerRuntime } from '../ports.js';
import { createApp, routeNotFound } from './app.js';
import { sendError, type HttpContext } from './request-context.js';
import { HostCheck } from './host-check.js';
import { fastPathHandlers } from './fast-path.js';
import type { Metrics } from './metrics.js';
import { targetPath } from './query.js';
import { OpenWatches } from './open-watches.js';

/** What the interface is made with. */
export interface HttpServerOptions {
  readonly names: NameService;
  /** Undefined where nothing can be started. */
  readonly launcher: Launcher | undefined;
  readonly runtime: ServerRuntime;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly host: string;
  readonly port: number;
  /** Host names that mean this server beside loopback, `host` and the address a connection came in at. */
  readonly allowedHosts: readonly string[];
  readonly heartbeatMs: number;
  /** Told each name that was looked up and is there. */
  readonly onLookup?: (name: string) => void;
}

/** The interface, open. */
export interface RunningHttpServer {
  readonly port: number;
  /** Ends it; resolves when every connection is closed. */
  close(): Promise<void>;
}

/** For how long requests in flight may go on after `close`, in ms. */
const closeGraceMs = 5_000;
/** For how long a reader may take nothing of an answer, and an idle connection is kept, in ms. */
const socketTimeoutMs = 30_000;
const keepAliveMs = 65_000;

/** Listens. Rejects with `CONFIG_INVALID` where it cannot, saying what to do. */
export async function startHttpServer(options: HttpServerOptions): Promise<RunningHttpServer> {
  const { names, launcher, runtime, metrics, logger } = options;
  const closing = new AbortController();
  const http: HttpContext = {
    names,
    launcher,
    logger,
    closing: closing.signal,
    onLookup: options.onLookup ?? (() => undefined),
  };
  const hostCheck = new HostCheck([options.host, ...options.allowedHosts]);
  const watches = new OpenWatches({ names, runtime, metrics, heartbeatMs: options.heartbeatMs });
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: 5_000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: keepAliveMs,
    noDelay: true,
  });
  server.maxConnections = limits.maxConnections;
  server.timeout = socketTimeoutMs;
  let connectionCount = 0;
  server.on('connection', (socket) => {
    connectionCount += 1;
    socket.once('close', () => (connectionCount -= 1));
  });
  server.on('clientError', rejectMalformed);

  const fastPath = new Map(
    [...fastPathHandlers(http)].map(([key, handler]) => {
      const [method = '', path = ''] = key.split(' ');
      return [key, { handler, count: metrics.requestCounter(method, path) }];
    }),
  );
  const app = createApp({ http, watches, metrics, connectionCount: () => connectionCount });
  const requestCounters = new Map<string, (status: number) => void>();
  for (const { method, path } of app.routes)
    if (method !== 'ALL') requestCounters.set(`${method} ${path}`, metrics.requestCounter(method, path));
  const countOther = metrics.requestCounter('other', 'other');
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  });

  server.on('request', (incoming, outgoing) => {
    const path = targetPath(incoming.url ?? '');
    const key = `${incoming.method ?? ''} ${path}`;
    const fast = fastPath.get(key);
    const count = fast?.count ?? requestCounters.get(key) ?? countOther;
    outgoing.once('close', () => count(outgoing.headersSent ? outgoing.statusCode : 499));
    try {
      hostCheck.check(incoming);
      if (fast !== undefined) fast.handler(incoming, outgoing);
      else if (isNormalizedPath(path)) void listener(incoming, outgoing);
      else throw routeNotFound();
    } catch (error) {
      sendError(http, incoming, outgoing, error);
    }
  });

  await listen(server, options);
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    const serverClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    closing.abort(
      new ClerkError('CLERK_CLOSED', 'The server is closed; ask another one, or ask again when it is back'),
    );
    watches.end();
    const deadline = runtime.now() + closeGraceMs;
    // Node closes what is idle at that moment; what becomes idle later is looked for here.
    while (connectionCount > 0 && runtime.now() < deadline) {
      server.closeIdleConnections();
      await sleep(runtime, 10);
    }
    server.closeAllConnections();
    await serverClosed;
  }
}

/** Whether a path is written plainly: nothing in it is decoded, and none of it is a step. */
function isNormalizedPath(path: string): boolean {
  return path.startsWith('/') && !/%|\\|\/[/.]/.test(path);
}

async function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 1_024 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const { code } = error as { code?: unknown };
    const reason =
      code === 'EADDRINUSE'
        ? 'is in use; stop what listens there, or take another one with --port (0 for any that is free)'
        : code === 'EACCES'
          ? 'is not for everybody; take one from 1024 on'
          : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
            ? 'cannot be listened at, since the host is not this machine'
            : `cannot be listened at: ${errorMessage(error)}`;
    throw new ClerkError('CONFIG_INVALID', `Port ${port} of ${host} ${reason}`, { cause: error });
  }
}

/** Answers what is no request, or not in time, and closes. */
function rejectMalformed(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ([
          431,
          'LIMIT_EXCEEDED',
          `The head of the request is over ${limits.maxHeaderBytes} bytes; send fewer headers`,
        ] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ([408, 'DEADLINE_EXCEEDED', 'The request did not arrive in time; send it at once'] as const)
        : ([400, 'CONFIG_INVALID', 'This is no HTTP/1.1 request'] as const);
  const body = JSON.stringify(encodeError(new ClerkError(code, message)));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
