import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../core/logger.js';
import type { Launcher, NameService } from '../ports.js';
import { checkContentType, checkNoBody, readBodyText } from './body-parser.js';
import { unmapIpv4 } from './host-check.js';
import { parseStrictJson } from './strict-json.js';
import { parseQuery } from './query.js';
import { toErrorResponse } from './http-error.js';
import { sendWithLingeringClose } from './lingering-close.js';
import type { Route, RouteContext } from './routes.js';

/** Dependencies that all requests of one server share. */
export interface HttpContext {
  readonly names: NameService;
  readonly launcher: Launcher | undefined;
  readonly logger: Logger;
  /**
   * Aborted when the server begins to close. Requests that wait for the start of a service then fail with the abort
   * reason.
   */
  readonly closing: AbortSignal;
  /** Called with the requested name for each lookup of an existing name. */
  readonly onLookup: (name: string) => void;
}

/**
 * Returns the headers of a response: content type, no caching, and the current revision and incarnation. While the
 * server is closing, the headers also close the connection.
 */
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

/** Content type of JSON responses. */
export const jsonContentType = 'application/json';

/** Returns the principal whose quotas a request uses. All clients with one IP address are one principal. */
export function principalOf({ socket }: IncomingMessage): string {
  return `address:${unmapIpv4(socket.remoteAddress ?? 'unknown')}`;
}

/** Sends a response with status 200 and `body`, a JSON text. */
export function sendJson(http: HttpContext, outgoing: ServerResponse, body: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const headers = responseHeaders(http, jsonContentType);
  headers['content-length'] = String(Buffer.byteLength(body));
  outgoing.writeHead(200, headers).end(body);
}

/**
 * Sends the error response for a thrown value. If the headers of a response are already sent, closes the connection
 * instead.
 */
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

/** Creates the context for one run of a route. */
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
      // The timeout is switched off, because waiting for a service start may take longer.
      outgoing.setTimeout(0);
      const disconnected = new AbortController();
      outgoing.once('close', () => disconnected.abort());
      return AbortSignal.any([disconnected.signal, http.closing]);
    },
  };
}

/** Reads the input of a route: the parsed query of a GET request, or the parsed JSON body of a POST request. */
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

/**
 * Reads the input of a route like {@link readInput}, but returns a promise. The fast path uses {@link readInput},
 * because callbacks are faster than a promise.
 */
export function readInputAsync(route: Route, incoming: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => readInput(route, incoming, resolve, reject));
}
