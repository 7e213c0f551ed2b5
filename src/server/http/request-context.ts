import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../core/logger.js';
import { positionHeader } from '../../protocol/position.js';
import { registryKeysHeader } from '../../protocol/registry-keys.js';
import { serversHeader } from '../../protocol/registry-servers.js';
import type { Caller, Launcher, NameService } from '../ports.js';
import { AuthorizedChanges } from './authorized-changes.js';
import { AuthorizedLauncher } from './authorized-launcher.js';
import { checkContentType, readBodyText } from './body-parser.js';
import type { ClientPrincipals } from './client-principals.js';
import type { ConnectionLimiter } from './connection-limiter.js';
import type { LimitWarnings } from './limit-warnings.js';
import type { RequestAudit } from './request-audit.js';
import { parseStrictJson } from './strict-json.js';
import { toErrorResponse } from './http-error.js';
import { sendWithLingeringClose } from './lingering-close.js';
import type { RecentLookups } from './recent-lookups.js';
import { isLoopback } from './local-sockets.js';
import { RequestRights } from './request-rights.js';
import type { StatusResponse } from '../../protocol/status-messages.js';
import type { RouteContext } from './routes.js';
import { authenticate, findCaller, registryKeysOf, type Security } from './security.js';
import { VisibleNames, type NameQueries } from './visible-names.js';

export interface HttpContext {
  readonly names: NameService;
  readonly launcher: Launcher | undefined;
  readonly logger: Logger;
  readonly limitWarnings: LimitWarnings;
  readonly lookups: RecentLookups;
  readonly principals: ClientPrincipals;
  readonly limiter: Pick<ConnectionLimiter, 'onRenewal'>;
  /** Aborted when the server starts to close, so that requests that wait for the start of a service fail. */
  readonly closing: AbortSignal;
  readonly security: Security | undefined;
  readonly audit: RequestAudit | undefined;
  /** Whether each response has the header `clerk-insecure`, because the server has no authentication. */
  readonly isInsecure: boolean;
}

export function responseHeaders(
  { names, closing, security, isInsecure }: HttpContext,
  contentType: string,
): Record<string, string> {
  const { revision, incarnation } = names.present;
  const servers = names.servers?.statement;
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'clerk-revision': revision,
    'clerk-incarnation': incarnation,
    [positionHeader]: names.position,
    ...(security && { [registryKeysHeader]: registryKeysOf(security).join(' ') }),
    ...(servers !== undefined && { [serversHeader]: servers }),
    ...(isInsecure && { 'clerk-insecure': '1' }),
    ...(closing.aborted && { connection: 'close' }),
  };
}

export const jsonContentType = 'application/json';

/**
 * Returns the caller of a request. In an open server, all clients in a range of addresses are one principal.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID` in a secured server, when the client has no enrolled key
 */
export function callerOf({ security, principals }: HttpContext, incoming: IncomingMessage): Caller {
  return security === undefined
    ? { principal: principals.of(incoming.socket) }
    : authenticate(security, incoming);
}

/** Returns queries that show only the names that the caller may see. */
export function queriesOf(http: HttpContext, incoming: IncomingMessage): NameQueries {
  return http.security === undefined ? http.names : operationsOf(http, callerOf(http, incoming)).queries;
}

/** Returns the status, limited to what the caller may see; undefined if the client has no enrolled key. */
export function statusOf(http: HttpContext, incoming: IncomingMessage): StatusResponse | undefined {
  if (http.security === undefined) return http.names.status();
  const caller = findCaller(http.security, incoming);
  return caller && operationsOf(http, caller).names.status();
}

/**
 * @throws {@link ClerkError} `IDENTITY_INVALID`; `FORBIDDEN` in a secured server, when the caller does not have the
 *   right `read` on `/`
 */
export function requireReadOnRoot(http: HttpContext, incoming: IncomingMessage): void {
  operationsOf(http, callerOf(http, incoming)).secured?.rights.requireOnRoot('read');
}

export function sendJson(http: HttpContext, outgoing: ServerResponse, body: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const headers = responseHeaders(http, jsonContentType);
  headers['content-length'] = String(Buffer.byteLength(body));
  outgoing.writeHead(200, headers).end(body);
}

/** Sends an error response. If the response has already started, closes the connection. */
export function sendError(
  http: HttpContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  error: unknown,
): void {
  const caller = http.security && findCaller(http.security, incoming);
  http.limitWarnings.record(caller?.principal ?? http.principals.of(incoming.socket), error);
  const { status, body, headers } = toErrorResponse(error, http.logger);
  if (outgoing.headersSent) outgoing.destroy();
  else
    sendWithLingeringClose(
      incoming,
      outgoing,
      status,
      { ...responseHeaders(http, jsonContentType), ...headers },
      body,
    );
  const client = http.security === undefined ? { principal: http.principals.of(incoming.socket) } : caller;
  http.audit?.recordError(incoming, client, error);
}

export function createRouteContext(
  http: HttpContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): RouteContext {
  const caller = callerOf(http, incoming);
  return {
    ...operationsOf(http, caller),
    caller,
    lookups: http.lookups,
    isOnLoopback: isLoopback(incoming.socket.remoteAddress),
    audit: http.audit,
    signal: () => {
      // Disables the socket timeout, because the start of a service may take longer than this timeout.
      outgoing.setTimeout(0);
      const ended = new AbortController();
      const { closing } = http;
      const onClosing = (): void => ended.abort(closing.reason);
      // Not `AbortSignal.any`, because the signal `closing` would keep a reference to each signal that `any` returns.
      closing.addEventListener('abort', onClosing);
      outgoing.once('close', () => {
        closing.removeEventListener('abort', onClosing);
        ended.abort();
      });
      if (closing.aborted) onClosing();
      return ended.signal;
    },
  };
}

function operationsOf(
  { names, launcher, security }: HttpContext,
  caller: Caller,
): Pick<RouteContext, 'names' | 'queries' | 'launcher' | 'secured'> {
  if (security === undefined) return { names, queries: names, launcher, secured: undefined };
  const rights = new RequestRights(caller, security.identities, names);
  return {
    names: new AuthorizedChanges(names, rights),
    queries: new VisibleNames(names, rights, security.listCursors),
    launcher: launcher && new AuthorizedLauncher(launcher, rights),
    secured: { security, rights },
  };
}

export async function readJson(incoming: IncomingMessage): Promise<unknown> {
  checkContentType(incoming, 'json');
  return parseStrictJson(await readBodyText(incoming));
}
