import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths } from '../../protocol/paths.js';
import type { RenewRequest, RenewResponse } from '../../protocol/registration-messages.js';
import { checkNoBody } from './body-parser.js';
import { identityRoutes } from './identity-routes.js';
import {
  callerOf,
  createRouteContext,
  queriesOf,
  readJson,
  sendJson,
  sendError,
  type HttpContext,
} from './request-context.js';
import { checkNoQuery, parseQuery } from './query.js';
import { routes, type Route } from './routes.js';
import { runRoute } from './run-route.js';

type FastPathHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Returns handlers for the most frequent requests, by `METHOD PATH`: lookups, registrations, renewals, and in a secured
 * server tickets. The handlers bypass hono for speed, and send the same responses as the routes.
 */
export function fastPathHandlers(http: HttpContext): ReadonlyMap<string, FastPathHandler> {
  const posts = [paths.register, paths.renew, ...(http.security === undefined ? [] : [paths.tickets])];
  return new Map<string, FastPathHandler>([
    [`GET ${paths.resolve}`, resolveHandler(http)],
    ...posts.map((path): [string, FastPathHandler] => [`POST ${path}`, postHandler(http, findRoute(path))]),
  ]);
}

function findRoute(path: string): Route {
  const found = [...routes, ...identityRoutes].find((route) => route.path === path);
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
      const queries = http.security === undefined ? http.names : queriesOf(http, incoming);
      const responseJson = name === undefined ? undefined : queries.resolveJson(name);
      if (name !== undefined && responseJson !== undefined) {
        http.lookups.record(callerOf(http, incoming).principal, name);
        sendJson(http, outgoing, responseJson);
      } else {
        // Unknown names and other forms of the query need the general route.
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

/** Returns the name in the target of a lookup; undefined if the query needs the general parser. */
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
    readJson(incoming)
      .then(async (input) => {
        checkNoQuery(incoming.url ?? '');
        const result = await runRoute(http, route, input, incoming, outgoing);
        if (route.path === paths.renew)
          keepRoom(http, incoming, input as RenewRequest, result as RenewResponse);
        sendJson(http, outgoing, JSON.stringify(result));
      })
      .catch((error: unknown) => sendError(http, incoming, outgoing, error));
  };
}

/** Protects a connection that renewed a lease from the connection limit. One renewed lease of the request suffices. */
function keepRoom(
  { limiter }: HttpContext,
  { socket }: IncomingMessage,
  { renewals }: RenewRequest,
  { results }: RenewResponse,
): void {
  const renewed = renewals[results.indexOf('renewed')];
  if (renewed !== undefined) limiter.onRenewal(socket, `${renewed.name} ${renewed.id}`);
}
