import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRouteContext, type HttpContext } from './request-context.js';
import type { Route } from './routes.js';

/** Runs a route, and records a change in the audit log if the server has one. */
export function runRoute(
  http: HttpContext,
  route: Route,
  input: unknown,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): unknown {
  const context = createRouteContext(http, incoming, outgoing);
  const operate = (): unknown => route.run(input, context);
  return http.audit === undefined
    ? operate()
    : http.audit.run(route.path, input, incoming, context.caller, operate);
}
