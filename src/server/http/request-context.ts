import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../core/logger.js';
import { positionHeader } from '../../protocol/position.js';
import type { Launcher, NameService } from '../ports.js';
import { checkContentType, readBodyText } from './body-parser.js';
import { unmapIpv4 } from './host-check.js';
import type { LimitLog } from './limit-log.js';
import { parseStrictJson } from './strict-json.js';
import { toErrorResponse } from './http-error.js';
import { sendWithLingeringClose } from './lingering-close.js';
import type { RouteContext } from './routes.js';

export interface HttpContext {
  readonly names: NameService;
  readonly launcher: Launcher | undefined;
  readonly logger: Logger;
  readonly limitLog: LimitLog;
  /** Aborts when the server begins to close. Requests that wait for the start of a service then fail. */
  readonly closing: AbortSignal;
}

export function responseHeaders(
  { names, closing }: HttpContext,
  contentType: string,
): Record<string, string> {
  const { revision, incarnation } = names.status();
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'clerk-revision': revision,
    'clerk-incarnation': incarnation,
    [positionHeader]: names.position,
    ...(closing.aborted && { connection: 'close' }),
  };
}

export const jsonContentType = 'application/json';

/** All clients with one IP address are one principal. */
export function principalOf({ socket }: IncomingMessage): string {
  return `address:${unmapIpv4(socket.remoteAddress ?? 'unknown')}`;
}

export function sendJson(http: HttpContext, outgoing: ServerResponse, body: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const headers = responseHeaders(http, jsonContentType);
  headers['content-length'] = String(Buffer.byteLength(body));
  outgoing.writeHead(200, headers).end(body);
}

/** Closes the connection instead if the response has already started. */
export function sendError(
  http: HttpContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  error: unknown,
): void {
  http.limitLog.record(principalOf(incoming), error);
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
}

export function createRouteContext(
  http: HttpContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): RouteContext {
  return {
    names: http.names,
    launcher: http.launcher,
    caller: { principal: principalOf(incoming) },
    signal: () => {
      // The start of a service may take longer than the socket timeout.
      outgoing.setTimeout(0);
      const disconnected = new AbortController();
      outgoing.once('close', () => disconnected.abort());
      return AbortSignal.any([disconnected.signal, http.closing]);
    },
  };
}

export async function readJson(incoming: IncomingMessage): Promise<unknown> {
  checkContentType(incoming, 'json');
  return parseStrictJson(await readBodyText(incoming));
}
