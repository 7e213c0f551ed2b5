import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths } from '../../protocol/paths.js';
import { checkNoBody } from './body-parser.js';
import { createRouteContext, readInput, sendJson, sendError, type HttpContext } from './request-context.js';
import { parseQuery } from './query.js';
import { routes, type Route } from './routes.js';

/** Handles one request. */
export type FastPathHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Creates handlers for the three most frequent requests: lookup, registration and renewal. The handlers use node:http
 * without hono, and send the same responses as the table `routes`. Lookups are answered with the JSON that
 * `resolveJson` caches.
 *
 * @returns handlers by method and path, such as `GET /v1/resolve`
 */
export function fastPathHandlers(http: HttpContext): ReadonlyMap<string, FastPathHandler> {
  return new Map<string, FastPathHandler>([
    [`GET ${paths.resolve}`, resolveHandler(http)],
    ...[paths.register, paths.renew].map((path): [string, FastPathHandler] => [
      `POST ${path}`,
      postHandler(http, findRoute(path)),
    ]),
  ]);
}

function findRoute(path: string): Route {
  const found = routes.find((route) => route.path === path);
  if (found === undefined) throw new Error(`Route ${path} is not in the route table`);
  return found;
}

const resolvePrefix = `${paths.resolve}?name=`;

function resolveHandler(http: HttpContext): FastPathHandler {
  const route = findRoute(paths.resolve);
  return (incoming, outgoing) => {
    try {
      checkNoBody(incoming);
      const name = nameFromTarget(incoming.url ?? '');
      const responseJson = name === undefined ? undefined : http.names.resolveJson(name);
      if (name !== undefined && responseJson !== undefined) {
        http.onLookup(name);
        sendJson(http, outgoing, responseJson);
      } else {
        // The name does not exist, or the query does not have the form `?name=NAME`. The route of the table creates the
        // response or throws the error.
        const query = parseQuery(incoming.url ?? '');
        sendJson(
          http,
          outgoing,
          JSON.stringify(route.run(query, createRouteContext(http, incoming, outgoing))),
        );
      }
    } catch (error) {
      sendError(http, incoming, outgoing, error);
    }
  };
}

/**
 * Returns the decoded name from a request target of the form `/v1/resolve?name=NAME`. Returns undefined for a target
 * that the general query parser must read.
 */
function nameFromTarget(target: string): string | undefined {
  if (!target.startsWith(resolvePrefix)) return undefined;
  const text = target.slice(resolvePrefix.length);
  if (/[&+]/.test(text)) return undefined;
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function postHandler(http: HttpContext, route: Route): FastPathHandler {
  return (incoming, outgoing) => {
    const sendFailure = (error: unknown): void => sendError(http, incoming, outgoing, error);
    const sendResult = (result: unknown): void => sendJson(http, outgoing, JSON.stringify(result));
    readInput(
      route,
      incoming,
      (input) => {
        const result = route.run(input, createRouteContext(http, incoming, outgoing));
        if (result instanceof Promise) result.then(sendResult, sendFailure);
        else sendResult(result);
      },
      sendFailure,
    );
  };
}
