/** `authenticate` and `callerOf` of `binding-clerk/service`, with the clock and the keys of the system. */
import { openIdentity } from '../../identity/index.js';
import { currentProcess } from '../../runtime/current-process.js';
import { systemClock } from '../../runtime/system-clock.js';
import { systemKeys } from '../../runtime/system-keys.js';
import type { FetchHandler, NodeHandler, WrappedHandler } from '../at-most-once/wrap-handler.js';
import { KnownRegistries } from '../known-registries.js';
import { processLogger } from '../service-runtime.js';
import { authenticateHandler, callerOfRequest } from './authenticate-handler.js';
import type { AuthenticatedCaller } from './connection-tickets.js';
import { createTicketPolicy, type AuthenticateOptions } from './ticket-policy.js';

/** Filled by the registrations of this process. */
export const knownRegistries = new KnownRegistries();

const authenticateRuntime = {
  clock: systemClock,
  keys: systemKeys,
  env: currentProcess.env,
  openIdentity,
  knownRegistries,
};

/**
 * Wraps a handler so that it gets only requests with a valid ticket. The given registry must have issued the ticket for
 * this service, and for the key that the client has proved on its connection. The ticket must contain the right `call`.
 * Other requests get 401 `TICKET_REFUSED` or 403 `FORBIDDEN`, with the response header `clerk-not-executed: 1`.
 *
 * A ticket is verified once per connection, without asking the registry. The server must use TLS with
 * {@link Identity.tls}. With `atMostOnce`, write `authenticate(atMostOnce(handler))`.
 *
 * Node passes some requests to other listeners than the listener of `request`. Wrap these listeners too: `upgrade`
 * and `connect`, such as `server.on('upgrade', authenticate(onUpgrade, { identity }))`, and `stream` of an HTTP/2
 * server. If the listener of `request` is wrapped, `advertise` with an identity warns of each listener of `upgrade`
 * or `connect` that is not wrapped.
 *
 * @example
 * ```ts
 * const identity = await openIdentity('orders.identity');
 * const handler = authenticate(
 *   (request, response) => response.end(callerOf(request)?.principal),
 *   { identity },
 * );
 * const server = createServer(identity.tls(), handler).listen(0);
 * await advertise({ name: '/shop/orders', address: server, identity });
 * ```
 * @typeParam H - type of the handler
 * @param handler - `(request, response) => …` of `node:https` or `node:http2`, or `(request, { incoming }) =>
 *   Response`, as `@hono/node-server` calls it; `(request, socket, head) => …` of the events `upgrade` and `connect`;
 *   `(stream, headers) => …` of the event `stream`. Further arguments are passed to the handler
 * @returns a handler with the same arguments
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid, or the registry key or the service is unknown
 * @see [C7.2](../../../docs/guarantees.md#c7-2), [C7.4](../../../docs/guarantees.md#c7-4)
 */
export function authenticate<H extends NodeHandler | FetchHandler>(
  handler: H,
  options?: AuthenticateOptions,
): WrappedHandler<H>;
/**
 * Overload for handlers with other argument types, such as handlers of HTTP/2 servers and of frameworks.
 *
 * @typeParam H - type of the handler
 */
export function authenticate<H extends (request: never, ...rest: never) => unknown>(
  handler: H,
  options?: AuthenticateOptions,
): WrappedHandler<H>;
export function authenticate(handler: unknown, options: AuthenticateOptions = {}): unknown {
  return authenticateHandler(handler as (...args: unknown[]) => unknown, {
    ...authenticateRuntime,
    policy: createTicketPolicy(options, authenticateRuntime),
    logger: processLogger(currentProcess),
  });
}

/**
 * Returns the principal that has sent a request, with its rights.
 *
 * @param request - the request or HTTP/2 stream that the handler got from `authenticate`, not a request object of a
 *   framework
 * @returns undefined for a request that `authenticate` has not accepted
 */
export function callerOf(request: object): AuthenticatedCaller | undefined {
  return callerOfRequest(request);
}
