/**
 * The three routes that are asked all the time, straight on node:http: looking up, registering, renewing. They do what
 * the route table says; a look-up is answered with text that was made when the name last changed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths } from '../../wire/paths.js';
import { checkNoBody } from './body.js';
import { contextOf, readInput, sendJson, sendRefusal, type Shared } from './exchange.js';
import { queryOf } from './query.js';
import { routes, type Route } from './routes.js';

/** Answers one request. */
export type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Handlers by method and path, as `GET /v1/resolve`. */
export function hotHandlers(shared: Shared): ReadonlyMap<string, Handler> {
  return new Map<string, Handler>([
    [`GET ${paths.resolve}`, lookUp(shared)],
    ...[paths.register, paths.renew].map((path): [string, Handler] => [
      `POST ${path}`,
      posted(shared, routeOf(path)),
    ]),
  ]);
}

function routeOf(path: string): Route {
  const found = routes.find((route) => route.path === path);
  if (found === undefined) throw new Error(`There is no route ${path}`);
  return found;
}

const prefix = `${paths.resolve}?name=`;

function lookUp(shared: Shared): Handler {
  const route = routeOf(paths.resolve);
  return (incoming, outgoing) => {
    try {
      checkNoBody(incoming);
      const name = nameIn(incoming.url ?? '');
      const text = name === undefined ? undefined : shared.names.resolveText(name);
      if (name !== undefined && text !== undefined) {
        shared.onLookUp(name);
        sendJson(shared, outgoing, text);
      } else {
        // Not there, or not asked as it should be: the ordinary way says which.
        const query = queryOf(incoming.url ?? '');
        sendJson(shared, outgoing, JSON.stringify(route.run(query, contextOf(shared, incoming, outgoing))));
      }
    } catch (error) {
      sendRefusal(shared, incoming, outgoing, error);
    }
  };
}

/** The name in a target that has nothing else, written without anything that means something else. */
function nameIn(target: string): string | undefined {
  if (!target.startsWith(prefix)) return undefined;
  const text = target.slice(prefix.length);
  if (/[&+]/.test(text)) return undefined;
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function posted(shared: Shared, route: Route): Handler {
  return (incoming, outgoing) => {
    const refuse = (error: unknown): void => sendRefusal(shared, incoming, outgoing, error);
    const answer = (reply: unknown): void => sendJson(shared, outgoing, JSON.stringify(reply));
    readInput(
      route,
      incoming,
      (input) => {
        const reply = route.run(input, contextOf(shared, incoming, outgoing));
        if (reply instanceof Promise) reply.then(answer, refuse);
        else answer(reply);
      },
      refuse,
    );
  };
}
