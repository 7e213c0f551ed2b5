/**
 * One request and its answer: what every route does before and after its own work. Whatever is thrown on the way is
 * answered with a refusal; nothing escapes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../core/logger.js';
import type { Launcher, NameService } from '../ports.js';
import { checkContentType, checkNoBody, readBodyText, sendWithLingeringClose } from './body-parser.js';
import { unmapIpv4 } from './host-check.js';
import { parseStrictJson } from './strict-json.js';
import { parseQuery } from './query.js';
import { toErrorResponse } from './http-error.js';
import type { Route, RouteContext } from './routes.js';

/** What all exchanges of a server share. */
export interface HttpContext {
  readonly names: NameService;
  readonly launcher: Launcher | undefined;
  readonly logger: Logger;
  /** Aborted when the server is closed: who waits for a start is told so. */
  readonly closing: AbortSignal;
  /** Told each name that was looked up and is there. */
  readonly onLookup: (name: string) => void;
}

/** Headers of every answer: where the names stand, and that nobody may keep or reinterpret it. */
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
    ...(closing.aborted && { connection: 'close' }),
  };
}

/** Type of answers. */
export const jsonContentType = 'application/json';

/** For quotas: everybody from one address is one principal. */
export function principalOf({ socket }: IncomingMessage): string {
  return `address:${unmapIpv4(socket.remoteAddress ?? 'unknown')}`;
}

/** Sends an answer that is JSON. */
export function sendJson(http: HttpContext, outgoing: ServerResponse, body: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const headers = responseHeaders(http, jsonContentType);
  headers['content-length'] = String(Buffer.byteLength(body));
  outgoing.writeHead(200, headers).end(body);
}

/** Sends a refusal for anything thrown. Where the answer has begun already, it is cut instead. */
export function sendError(
  http: HttpContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  error: unknown,
): void {
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

/** What a route works with, for one request. */
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
      // Whoever waits for a start may wait longer than a connection may be silent.
      outgoing.setTimeout(0);
      const disconnected = new AbortController();
      outgoing.once('close', () => disconnected.abort());
      return AbortSignal.any([disconnected.signal, http.closing]);
    },
  };
}

/** What a route is asked: its query, or its body once it is there. Refusals come through `onError`. */
export function readInput(
  { method }: Route,
  incoming: IncomingMessage,
  onInput: (input: unknown) => void,
  onError: (error: unknown) => void,
): void {
  try {
    if (method === 'GET') {
      checkNoBody(incoming);
      onInput(parseQuery(incoming.url ?? ''));
      return;
    }
    checkContentType(incoming, 'json');
    readBodyText(
      incoming,
      (text) => {
        try {
          onInput(parseStrictJson(text));
        } catch (error) {
          onError(error);
        }
      },
      onError,
    );
  } catch (error) {
    onError(error);
  }
}

/** The same as a promise. */
export function readInputAsync(route: Route, incoming: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => readInput(route, incoming, resolve, reject));
}
