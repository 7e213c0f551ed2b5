/** Recorded tickets, sent again in every way that another client, another service or a later time allows. */
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import type { CheckedCredentials, Credentials } from '../../../src/core/credentials.js';
import type { TicketPolicy } from '../../../src/service/authenticate/ticket-policy.js';
import type { AttackedFleet } from '../attacked-fleet.js';
import { ticketPolicyOf } from '../ticket-policies.js';
import { inParallel, type AttemptCounts } from './attempt-counts.js';

/** A ticket, and the key to which it was issued. */
export interface RecordedTicket {
  readonly text: string;
  readonly owner: CheckedCredentials;
}

type Random = () => number;

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const below = (random: Random, count: number): number => Math.floor(random() * count);
const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)] as T;

/** Tickets of many clients, as a recording proxy with the keys of the service would see them. */
export async function recordTickets(fleet: AttackedFleet, count: number): Promise<RecordedTicket[]> {
  const tickets: RecordedTicket[] = [];
  await fleet.allow('/clients/*', '/shop/orders', 'call');
  for (let i = 0; i < count; i++) {
    const client = await fleet.enrol(`/clients/c${String(i)}`);
    tickets.push({ text: await fleet.ticketOf(client), owner: client.credentials as CheckedCredentials });
  }
  return tickets;
}

/** Kinds of changes to a recorded ticket; the result is never the recorded text. */
const changes: Readonly<Record<string, (text: string, random: Random, other: string) => string>> = {
  'bit flipped': (text, random) => {
    const at = below(random, text.length);
    if (text[at] === '.') return text.slice(0, at) + text.slice(at + 1);
    const flipped = digits.indexOf(text.charAt(at)) ^ (1 << below(random, 6));
    return text.slice(0, at) + digits.charAt(flipped) + text.slice(at + 1);
  },
  'end of the signature flipped': (text, random) => {
    const at = text.length - 2 - below(random, 80);
    const flipped = digits.indexOf(text.charAt(at)) ^ (1 << below(random, 6));
    return text.slice(0, at) + digits.charAt(flipped) + text.slice(at + 1);
  },
  truncated: (text, random) => text.slice(0, below(random, text.length)),
  'beginning removed': (text, random) => text.slice(1 + below(random, text.length - 1)),
  'claims of another ticket': (text, _, other) => {
    const [head, , signature] = text.split('.');
    return `${String(head)}.${String(other.split('.')[1])}.${String(signature)}`;
  },
  'signature of another ticket': (text, _, other) => {
    const [head, claims] = text.split('.');
    return `${String(head)}.${String(claims)}.${String(other.split('.')[2])}`;
  },
  'parts reordered': (text, random) => {
    const [head, claims, signature] = text.split('.') as [string, string, string];
    return pick(random, [
      [claims, head, signature],
      [head, signature, claims],
      [signature, claims, head],
    ]).join('.');
  },
  'pieces of two tickets': (text, random, other) => {
    const at = 1 + below(random, text.length - 2);
    return text.slice(0, at) + other.slice(at);
  },
};

export interface TicketReplayOptions {
  readonly tickets: readonly RecordedTicket[];
  readonly random: Random;
  readonly counts: AttemptCounts;
  /** Name of the time of the replay, such as `after a restart`. */
  readonly when: string;
}

/** Verifies changed and foreign tickets as a service does for the key of a connection. */
export async function replayTicketsInProcess(
  fleet: AttackedFleet,
  count: number,
  { tickets, random, counts, when }: TicketReplayOptions,
): Promise<void> {
  const clock = { wallNow: () => Date.now() + fleet.shiftMs };
  const policyOf = (service: string): TicketPolicy => ticketPolicyOf(service, fleet.registryPin, clock);
  const own = policyOf('/shop/orders');
  const foreign = policyOf('/shop/stock');
  const kinds = Object.entries(changes);
  await inParallel(count, 16, async (number) => {
    const { text, owner } = pick(random, tickets);
    const other = pick(random, tickets);
    const attempt = async (
      kind: string,
      policy: TicketPolicy,
      ticket: string,
      pin: string,
    ): Promise<void> => {
      const accepted = await policy.verify(ticket, pin).then(
        () => true,
        () => false,
      );
      counts.add(`ticket ${kind}, ${when}`, accepted);
    };
    switch (number % (kinds.length + 2)) {
      case 0:
        return attempt('to another service', foreign, text, owner.pin);
      case 1:
        return other.owner === owner
          ? attempt('to another service', foreign, text, owner.pin)
          : attempt('on the connection of another client', own, text, other.owner.pin);
      default: {
        const [kind, change] = kinds[(number % (kinds.length + 2)) - 2] as (typeof kinds)[number];
        const changed = change(text, random, other.text);
        // Pieces of two tickets may be one of the tickets.
        if (changed === text || changed === other.text) return;
        return attempt(kind, own, changed, owner.pin);
      }
    }
  });
}

/** Sends changed and foreign tickets over connections that stay open. */
export async function replayTicketsOverTls(
  fleet: AttackedFleet,
  count: number,
  { tickets, random, counts, when }: TicketReplayOptions,
): Promise<void> {
  const clients = tickets.slice(0, 8);
  const sessions = await Promise.all(clients.map(({ owner }) => sessionOf(fleet.servicePort, owner)));
  const kinds = Object.entries(changes);
  const before = fleet.executions;
  await inParallel(count, 64, async (number) => {
    const client = number % clients.length;
    const session = sessions[client] as ClientHttp2Session;
    const { text, owner } = pick(random, tickets);
    const own = clients[client] as RecordedTicket;
    if (number % 2 === 0) {
      if (owner === own.owner) return;
      counts.add(`ticket on an open connection of another client, ${when}`, await isServed(session, text));
      return;
    }
    const [kind, change] = kinds[(number >> 1) % kinds.length] as (typeof kinds)[number];
    const changed = change(own.text, random, text);
    if (changed === own.text || changed === '' || /^\s|\s$/.test(changed)) return;
    const isOwn = tickets.some((ticket) => ticket.text === changed && ticket.owner === own.owner);
    if (!isOwn)
      counts.add(`ticket ${kind}, on an open connection, ${when}`, await isServed(session, changed));
  });
  for (const session of sessions) session.destroy();
  if (fleet.executions !== before) throw new Error('The handler has run for a replayed ticket');
}

async function sessionOf(port: number, { key, cert }: Credentials): Promise<ClientHttp2Session> {
  const session = connect(`https://127.0.0.1:${String(port)}`, { key, cert, rejectUnauthorized: false });
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

async function isServed(session: ClientHttp2Session, ticket: string): Promise<boolean> {
  const stream = session.request({ ':path': '/', 'clerk-ticket': ticket });
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  stream.resume();
  await once(stream, 'close');
  return head[':status'] !== 401 || head['clerk-not-executed'] !== '1';
}

/** Each recorded ticket is accepted from its owner, so that the refusals have another reason than a broken recording. */
export async function countAccepted(
  fleet: AttackedFleet,
  tickets: readonly RecordedTicket[],
): Promise<number> {
  let accepted = 0;
  for (const { text, owner } of tickets) {
    const session = await sessionOf(fleet.servicePort, owner);
    if (await isServed(session, text)) accepted++;
    session.destroy();
  }
  return accepted;
}
