import type { Clock } from '../../core/clock.js';
import type { KeyTools } from '../../core/credentials.js';
import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import type { StoredResponse } from '../../core/idempotency-store.js';
import type { Logger } from '../../core/logger.js';
import { pinOfPeer } from '../../core/peer-pin.js';
import { callHeaders } from '../../protocol/call-headers.js';
import { notExecuted } from '../at-most-once/rejections.js';
import { shareGuard } from '../at-most-once/wrap-handler.js';
import {
  ConnectionTickets,
  type AuthenticatedCaller,
  type ConnectionTicketsOptions,
} from './connection-tickets.js';
import { connectionOf } from './inbound-connection.js';
import { readExchange } from './inbound-exchange.js';
import type { TicketPolicy } from './ticket-policy.js';

export interface AuthenticateHandlerOptions {
  readonly policy: TicketPolicy;
  readonly clock: Pick<Clock, 'now' | 'wallNow'>;
  readonly keys: Pick<KeyTools, 'pinOf'>;
  readonly logger: Pick<Logger, 'error'>;
}

type Handler = (this: unknown, ...args: unknown[]) => unknown;

const callers = new WeakMap<object, AuthenticatedCaller>();
const authenticatedHandlers = new WeakSet<object>();

/** Whether `authenticate` has returned the function. */
export function isAuthenticated(handler: unknown): boolean {
  return typeof handler === 'function' && authenticatedHandlers.has(handler);
}

export function callerOfRequest(request: object): AuthenticatedCaller | undefined {
  return callers.get(request);
}

/**
 * Wraps a handler so that it gets only requests with a valid ticket, on a connection of the client to which the ticket
 * was issued.
 *
 * @see [C7.4](../../../docs/guarantees.md#c7-4), [C7.6](../../../docs/guarantees.md#c7-6)
 */
export function authenticateHandler(handler: Handler, options: AuthenticateHandlerOptions): Handler {
  if (typeof (handler as unknown) !== 'function')
    throw new ClerkError(
      'CONFIG_INVALID',
      'authenticate() needs a handler: (request, response) => …, (request) => …, (request, socket, head) => … for upgrades, or (stream, headers) => … for HTTP/2 streams',
    );
  const byConnection = new WeakMap<object, ConnectionTickets>();
  const { keys, clock, policy, logger } = options;
  let logged: string | undefined;
  const refuse = (error: unknown): StoredResponse => {
    const refusal = refusalOf(error);
    if (refusal !== undefined) return refusal;
    const message = `authenticate() cannot verify tickets: ${errorMessage(error)}`;
    if (message !== logged) logger.error(message);
    logged = message;
    return notExecuted(
      503,
      'IDENTITY_INVALID',
      'The service cannot verify tickets; see the log of the service',
    );
  };
  const ticketOptions: ConnectionTicketsOptions = {
    clock,
    verify: (text, pin) => policy.verify(text, pin),
    version: () => policy.version,
  };

  function ticketsOf(nodeRequest: object): ConnectionTickets {
    const connection = connectionOf(nodeRequest);
    if (connection === undefined) return new ConnectionTickets(undefined, ticketOptions);
    let tickets = byConnection.get(connection.key);
    if (tickets === undefined) {
      const certificate = connection.socket.getPeerX509Certificate?.();
      tickets = new ConnectionTickets(pinOfPeer(certificate, keys), ticketOptions);
      byConnection.set(connection.key, tickets);
    }
    return tickets;
  }

  const authenticated: Handler = function (...args) {
    const exchange = readExchange(args);
    const { isFetch } = exchange;
    const handle = (caller: AuthenticatedCaller): unknown => {
      for (const subject of exchange.subjects) callers.set(subject, caller);
      return handler.apply(this, args);
    };
    const text = exchange.header(callHeaders.ticket);
    const tickets = ticketsOf(exchange.nodeRequest);
    const known = text === undefined ? undefined : tickets.accepted(text);
    if (known !== undefined) return isFetch ? runAsync(() => handle(known)) : handle(known);
    const verified = text === undefined ? Promise.reject(missingTicket()) : tickets.verify(text);
    const release = exchange.hold();
    return verified.then(
      (caller) => {
        release();
        return exchange.isGone() ? undefined : handle(caller);
      },
      (error: unknown) => {
        release();
        return exchange.refuse(refuse(error));
      },
    );
  };
  shareGuard(handler, authenticated);
  authenticatedHandlers.add(authenticated);
  return authenticated;
}

/** Turns a thrown error into a rejection. */
async function runAsync(handle: () => unknown): Promise<unknown> {
  return handle();
}

function missingTicket(): ClerkError {
  return new ClerkError(
    'TICKET_REFUSED',
    `The request must have a ticket in the header ${callHeaders.ticket}; call the service through a clerk with an identity`,
  );
}

/** Only reasons that the client can change are sent to the client. */
function refusalOf(error: unknown): StoredResponse | undefined {
  if (!isClerkError(error)) return undefined;
  if (error.code === 'TICKET_REFUSED') return notExecuted(401, error.code, error.message);
  return error.code === 'FORBIDDEN' ? notExecuted(403, error.code, error.message) : undefined;
}
