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
import { ClerkError, reasonOf } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { failureOf } from '../../wire/failure.js';
import { limits } from '../../wire/limits.js';
import type { Launcher, NameService, ServerRuntime } from '../ports.js';
import { clerkApp, notFound } from './app.js';
import { sendRefusal, type Shared } from './exchange.js';
import { Guard } from './guard.js';
import { hotHandlers } from './hot.js';
import type { Metrics } from './metrics.js';
import { pathOf } from './query.js';
import { Watches } from './watches.js';

/** What the interface is made with. */
export interface HttpOptions {
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
  readonly onLookUp?: (name: string) => void;
}

/** The interface, open. */
export interface OpenHttp {
  readonly port: number;
  /** Ends it; resolves when every connection is closed. */
  close(): Promise<void>;
}

/** For how long requests in flight may go on after `close`, in ms. */
const graceMs = 5_000;
/** For how long a reader may take nothing of an answer, and an idle connection is kept, in ms. */
const silenceMs = 30_000;
const idleMs = 65_000;

/** Listens. Rejects with `CONFIG_INVALID` where it cannot, saying what to do. */
export async function openHttp(options: HttpOptions): Promise<OpenHttp> {
  const { names, launcher, runtime, metrics, logger } = options;
  const closing = new AbortController();
  const shared: Shared = {
    names,
    launcher,
    logger,
    closing: closing.signal,
    onLookUp: options.onLookUp ?? (() => undefined),
  };
  const guard = new Guard([options.host, ...options.allowedHosts]);
  const watches = new Watches({ names, runtime, metrics, heartbeatMs: options.heartbeatMs });
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: 5_000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: idleMs,
    noDelay: true,
  });
  server.maxConnections = limits.mostConnections;
  server.timeout = silenceMs;
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    socket.once('close', () => (connections -= 1));
  });
  server.on('clientError', refuseBytes);

  const hot = new Map(
    [...hotHandlers(shared)].map(([key, handler]) => {
      const [method = '', path = ''] = key.split(' ');
      return [key, { handler, count: metrics.counter(method, path) }];
    }),
  );
  const app = clerkApp({ shared, watches, metrics, connections: () => connections });
  const known = new Map<string, (status: number) => void>();
  for (const { method, path } of app.routes)
    if (method !== 'ALL') known.set(`${method} ${path}`, metrics.counter(method, path));
  const countOther = metrics.counter('other', 'other');
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  });

  server.on('request', (incoming, outgoing) => {
    const path = pathOf(incoming.url ?? '');
    const key = `${incoming.method ?? ''} ${path}`;
    const found = hot.get(key);
    const count = found?.count ?? known.get(key) ?? countOther;
    outgoing.once('close', () => count(outgoing.headersSent ? outgoing.statusCode : 499));
    try {
      guard.check(incoming);
      if (found !== undefined) found.handler(incoming, outgoing);
      else if (isPlain(path)) void listener(incoming, outgoing);
      else throw notFound();
    } catch (error) {
      sendRefusal(shared, incoming, outgoing, error);
    }
  });

  await listen(server, options);
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    const over = new Promise<void>((resolve) => server.close(() => resolve()));
    closing.abort(
      new ClerkError('CLOSED', 'The server is closed; ask another one, or ask again when it is back'),
    );
    watches.end();
    const until = runtime.now() + graceMs;
    // Node closes what is idle at that moment; what becomes idle later is looked for here.
    while (connections > 0 && runtime.now() < until) {
      server.closeIdleConnections();
      await sleep(runtime, 10);
    }
    server.closeAllConnections();
    await over;
  }
}

/** Whether a path is written plainly: nothing in it is decoded, and none of it is a step. */
function isPlain(path: string): boolean {
  return path.startsWith('/') && !/%|\\|\/[/.]/.test(path);
}

async function listen(server: Server, { host, port }: HttpOptions): Promise<void> {
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
    const why =
      code === 'EADDRINUSE'
        ? 'is in use; stop what listens there, or take another one with --port (0 for any that is free)'
        : code === 'EACCES'
          ? 'is not for everybody; take one from 1024 on'
          : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
            ? 'cannot be listened at, since the host is not this machine'
            : `cannot be listened at: ${reasonOf(error)}`;
    throw new ClerkError('CONFIG_INVALID', `Port ${port} of ${host} ${why}`, { cause: error });
  }
}

/** Answers what is no request, or not in time, and closes. */
function refuseBytes(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ([
          431,
          'LIMIT',
          `The head of the request is over ${limits.headerBytes} bytes; send fewer headers`,
        ] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ([408, 'DEADLINE_EXCEEDED', 'The request did not arrive in time; send it at once'] as const)
        : ([400, 'CONFIG_INVALID', 'This is no HTTP/1.1 request'] as const);
  const body = JSON.stringify(failureOf(new ClerkError(code, message)));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
