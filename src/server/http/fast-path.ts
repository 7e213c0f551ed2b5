/**
 * The three routes that are asked all the time, straight on node:http: looking up, registering, renewing. They do what
 * the route table says; a look-up is answered with text that was made when the name last changed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths } from '../../protocol/paths.js';
import { checkNoBody } from './body-parser.js';
import { createRouteContext, readInput, sendJson, sendError, type HttpContext } from './request-context.js';
import { parseQuery } from './query.js';
import { routes, type Route } from './routes.js';

/** Answers one request. */
export type FastPathHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Handlers by method and path, as `GET /v1/resolve`. */
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
  if (found === undefined) throw new Error(`There is no route ${path}`);
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
        // Not there, or not asked as it should be: the ordinary way says which.
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

/** The name in a target that has nothing else, written without anything that means something else. */
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
    const sendResult = (reply: unknown): void => sendJson(http, outgoing, JSON.stringify(reply));
    readInput(
      route,
      incoming,
      (input) => {
        const reply = route.run(input, createRouteContext(http, incoming, outgoing));
        if (reply instanceof Promise) reply.then(sendResult, sendFailure);
        else sendResult(reply);
      },
      sendFailure,
    );
  };
}
