import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TicketResponse } from '../../protocol/identity-messages.js';
import { paths } from '../../protocol/paths.js';
import { createRouteContext, type HttpContext } from './request-context.js';
import type { Route } from './routes.js';

/** Runs a route. If the server has an audit log, records the change that was made or the ticket that was issued. */
export function runRoute(
  http: HttpContext,
  route: Route,
  input: unknown,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): unknown {
  const context = createRouteContext(http, incoming, outgoing);
  const operate = (): unknown => route.run(input, context);
  const { audit } = http;
  if (audit === undefined) return operate();
  const { caller } = context;
  const response = audit.run(route.path, input, incoming, caller, operate);
  if (route.path !== paths.tickets) return response;
  return response.then((issued) => {
    audit.recordTicket(incoming, caller, (issued as TicketResponse).service);
    return issued;
  });
}
