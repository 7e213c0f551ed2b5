import { getRequestListener } from '@hono/node-server';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';
import { sleep } from '../../core/clock.js';
import { allowListeners } from '../../core/abort-signal.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { SliceQueue } from '../../core/slice-queue.js';
import { paths } from '../../protocol/paths.js';
import { positionHeader } from '../../protocol/position.js';
import type { AuditLog, Launcher, NameService, ServerRuntime } from '../ports.js';
import { createApp, routeNotFound } from './app.js';
import { rejectMalformed } from './reject-malformed.js';
import { sendError, type HttpContext } from './request-context.js';
import { ClientPrincipals, type PrincipalMasks } from './client-principals.js';
import { ConnectionLimiter } from './connection-limiter.js';
import { HostCheck } from './host-check.js';
import { closeIdleAfterSending } from './idle-connections.js';
import { fastPathHandlers } from './fast-path.js';
import { LimitWarnings } from './limit-warnings.js';
import { listenAtIpv6Loopback } from './loopback-listener.js';
import { maxWaitingRequests, PipelinedRequests } from './pipelined-requests.js';
import { createHttpServer, replaceKey } from './tls-server.js';
import { MeteredResponse, UnsentResponses } from './unsent-responses.js';
import type { Metrics } from './metrics.js';
import { targetPath } from './query.js';
import { OpenWatches } from './open-watches.js';
import { RecentLookups } from './recent-lookups.js';
import { RequestAudit } from './request-audit.js';
import { authenticate, type Security } from './security.js';

export interface HttpServerOptions {
  readonly names: NameService;
  readonly launcher: Launcher | undefined;
  readonly runtime: ServerRuntime;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly host: string;
  readonly port: number;
  /** Host names that the `Host` header may contain. IP addresses, loopback names and `host` are always accepted. */
  readonly allowedHosts: readonly string[];
  readonly maxWatches: number;
  readonly maxConnections: number;
  /** Address ranges of the principals of an open server. */
  readonly masks: PrincipalMasks;
  /** If set, the server uses HTTPS, and checks keys and rights. */
  readonly security?: Security | undefined;
  /** Audit log for changes and rejected requests. */
  readonly audit?: AuditLog | undefined;
  /** Whether each response has the header `clerk-insecure`, because the server has no authentication. Default false. */
  readonly isInsecure?: boolean;
}

export interface RunningHttpServer {
  readonly port: number;
  /** Ends all watches. Waits up to 5 s for the responses of open requests, then closes all connections. */
  close(): Promise<void>;
}

const closeGraceMs = 5_000;
/** Maximum total size of the responses of all connections that clients have not read, in bytes. */
export const maxUnsentBytes = 64 * 1024 * 1024;
/** Time without a sent or received byte after which a connection with an open request is closed, in ms. */
const socketTimeoutMs = 30_000;
/** Paths that a client without an enrolled key may use. */
const openPaths: ReadonlySet<string> = new Set([paths.health, paths.enroll]);

/**
 * @throws {@link ClerkError} `CONFIG_INVALID` when the port cannot be bound
 * @see [A7](../../../docs/guarantees.md#a7), [A9](../../../docs/guarantees.md#a9),
 * [C8.2](../../../docs/guarantees.md#c8-2)
 */
export async function startHttpServer(options: HttpServerOptions): Promise<RunningHttpServer> {
  const { names, launcher, runtime, metrics, logger, security, isInsecure = false } = options;
  const { maxConnections } = options;
  const principals = new ClientPrincipals(options.masks);
  const limitWarnings = new LimitWarnings(runtime, logger);
  const recordLimit = (socket: Pick<Socket, 'remoteAddress'>, message: string): void =>
    limitWarnings.record(principals.of(socket), new ClerkError('LIMIT_EXCEEDED', message));
  const limiter = new ConnectionLimiter({
    maxConnections,
    principalOf: (socket) => principals.of(socket),
    onClosed: (principal) => limitWarnings.record(principal, connectionLimitError(maxConnections)),
  });
  const closing = new AbortController();
  // Disables the warning of Node about many listeners, because each waiting request adds a listener.
  allowListeners(closing.signal, 0);
  const http: HttpContext = {
    names,
    launcher,
    logger,
    limitWarnings,
    lookups: new RecentLookups(runtime, (name) => names.canonicalOf(name)),
    principals,
    limiter,
    closing: closing.signal,
    security,
    audit: options.audit && new RequestAudit({ log: options.audit, names, security }),
    isInsecure,
  };
  const hostCheck = new HostCheck([options.host, ...options.allowedHosts]);
  const unsent = new UnsentResponses(maxUnsentBytes, ({ req }) =>
    recordLimit(
      req.socket,
      `The responses that clients have not read can have at most ${maxUnsentBytes} bytes in total; the server closed a connection of this principal, which had not read for the longest time`,
    ),
  );
  const pipelined = new PipelinedRequests(new SliceQueue(runtime), ({ socket }) =>
    recordLimit(
      socket,
      `A connection can have at most ${maxWaitingRequests} requests that wait for the response to an earlier request; the server closed a connection with one more`,
    ),
  );
  const { maxWatches } = options;
  const onWritten = (response: ServerResponse): void => unsent.update(response);
  const watches = new OpenWatches({ names, runtime, metrics, maxWatches, onWritten });
  const server = createHttpServer(security?.registryKey.credentials);
  server.timeout = socketTimeoutMs;
  closeIdleAfterSending(server);
  // Runs before the listener of node:tls, which starts the handshake.
  server.prependListener('connection', (socket: Socket) => limiter.add(socket));
  const sockets = new Set<Socket>();
  if (security !== undefined) {
    const { registryKey } = security;
    registryKey.onChanged(() => replaceKey(server, registryKey.credentials));
    // Runs before the listener of node:tls, which starts the handshake.
    server.prependListener('connection', (socket: Socket) => {
      registryKey.poll();
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }
  const insecureHeader = isInsecure ? 'clerk-insecure: 1\r\n' : '';
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    if (pipelined.mayReject(socket)) rejectMalformed(error, socket, insecureHeader);
    else socket.destroy();
  });

  const fastPath = fastPathHandlers(http);
  const app = createApp({ http, watches, metrics, connectionCount: () => limiter.size, clock: runtime });
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
    const fastHandler = fastPath.get(key);
    const count = requestCounters.get(key) ?? countOther;
    const { socket } = incoming;
    limiter.onRequest(socket);
    if (outgoing instanceof MeteredResponse) outgoing.unsent = unsent;
    outgoing.on('close', () => {
      limiter.onResponse(socket);
      count(outgoing.headersSent ? outgoing.statusCode : 499);
    });
    const handle = (): void => {
      try {
        if (fastHandler !== undefined) fastHandler(incoming, outgoing);
        else if (isNormalizedPath(path)) void listener(incoming, outgoing);
        else throw routeNotFound();
      } catch (error) {
        sendError(http, incoming, outgoing, error);
      }
    };
    pipelined.run(incoming, outgoing, () => {
      try {
        hostCheck.check(incoming);
        security?.registryKey.poll();
        const mayBeStranger = security !== undefined && openPaths.has(path);
        if (security !== undefined && !mayBeStranger) authenticate(security, incoming);
        // If the client has seen changes that this registry lacks, the registry starts a new incarnation before the
        // request is handled.
        const newIncarnation = mayBeStranger ? undefined : checkPositions(names, incoming);
        if (newIncarnation === undefined) handle();
        else void newIncarnation.then(handle);
      } catch (error) {
        sendError(http, incoming, outgoing, error);
      }
    });
  });

  const ipv6Listener = await listen(server, options);
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    const serverClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    ipv6Listener?.close();
    closing.abort(
      new ClerkError('CLERK_CLOSED', 'The server is shutting down; use another server, or retry later'),
    );
    watches.end();
    const deadline = runtime.now() + closeGraceMs;
    // `server.close` closes only connections that are idle at the call, so this loop closes the others when they
    // become idle.
    while (limiter.size > 0 && runtime.now() < deadline) {
      server.closeIdleConnections();
      await sleep(runtime, 10);
    }
    server.closeAllConnections();
    // `closeAllConnections` does not close connections during their TLS handshake.
    for (const socket of sockets) socket.destroy();
    await serverClosed;
  }
}

function connectionLimitError(maxConnections: number): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `The server can have at most ${maxConnections} connections, so it closed one of this principal that had no open request; raise the limit with --max-connections`,
  );
}

function checkPositions(names: NameService, { headers }: IncomingMessage): Promise<void> | undefined {
  const positions = headers[positionHeader] ?? headers['last-event-id'];
  return positions === undefined ? undefined : names.checkPositions(String(positions));
}

function isNormalizedPath(path: string): boolean {
  return path.startsWith('/') && !/%|\\|\/[/.]/.test(path);
}

const maxPortAttempts = 5;

/** Starts to listen. For `localhost`, listens at 127.0.0.1 and ::1, and returns the listener at ::1. */
async function listen(server: Server, { host, port }: HttpServerOptions): Promise<TcpServer | undefined> {
  if (host.toLowerCase() !== 'localhost') {
    await listenAt(server, host, port);
    return undefined;
  }
  for (let attempt = 1; ; attempt++) {
    await listenAt(server, '127.0.0.1', port);
    const bound = (server.address() as AddressInfo).port;
    try {
      return await listenAtIpv6Loopback(server, bound);
    } catch (error) {
      await new Promise((resolve) => server.close(resolve));
      if (port !== 0 || attempt === maxPortAttempts) throw listenError(error, '::1', bound);
    }
  }
}

async function listenAt(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 1_024 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw listenError(error, host, port);
  }
}

function listenError(error: unknown, host: string, port: number): ClerkError {
  const { code } = error as { code?: unknown };
  const reason =
    code === 'EADDRINUSE'
      ? 'is already in use; stop the program that listens there, or set another port (0 for any free port)'
      : code === 'EACCES'
        ? 'requires elevated privileges; use port 1024 or higher'
        : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
          ? 'cannot be bound, because the host is not an address of this machine; set another host'
          : `cannot be bound: ${errorMessage(error)}`;
  return new ClerkError('CONFIG_INVALID', `Port ${port} of ${host} ${reason}`, { cause: error });
}
