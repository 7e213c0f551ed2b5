import { ClerkError } from '../../core/errors.js';
import { isName } from '../../core/name.js';
import type { ReceivedTicket } from '../../core/service-ticket.js';
import type { TicketResponse } from '../../protocol/identity-messages.js';
import type { RegistryConnection } from '../../registry-client/connection.js';

const maxTicketLength = 4_096;
const maxLifeMs = 600_000;

/** @throws {@link ClerkError} `REGISTRY_INVALID` when the response is not a valid ticket */
export function parseTicket(body: unknown, { url }: Pick<RegistryConnection, 'url'>): ReceivedTicket {
  const { ticket, expiresInMs, service } = (body ?? {}) as Partial<TicketResponse>;
  const isTicket =
    typeof ticket === 'string' &&
    ticket.length <= maxTicketLength &&
    // Only characters of a compact JWS may enter a request header.
    /^[\w-]+\.[\w-]+\.[\w-]+$/.test(ticket);
  const hasLife = typeof expiresInMs === 'number' && expiresInMs > 0 && expiresInMs <= maxLifeMs;
  if (isTicket && hasLife && typeof service === 'string' && isName(service))
    return Object.freeze({ text: ticket, service, expiresInMs });
  throw new ClerkError(
    'REGISTRY_INVALID',
    `${url} sent an invalid ticket; check that ${url} is the address of a registry`,
  );
}
