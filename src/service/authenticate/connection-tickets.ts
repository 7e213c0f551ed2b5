import type { AccessRight } from '../../core/access-right.js';
import type { Clock } from '../../core/clock.js';
import type { KeyPin } from '../../core/key-pin.js';
import type { VerifiedTicket } from '../../tickets/ticket-verifier.js';

/** The caller that the ticket of a request states. */
export interface AuthenticatedCaller {
  /** The principal: an absolute name. */
  readonly principal: string;
  /** What the caller may do with this service; contains `call`. */
  readonly rights: readonly AccessRight[];
  /** When the ticket expires, in ms since 1970. */
  readonly expiresAt: number;
}

export interface ConnectionTicketsOptions {
  readonly clock: Pick<Clock, 'now' | 'wallNow'>;
  /** Rejects when the ticket must not be accepted on a connection of this client. */
  readonly verify: (text: string, clientPin: KeyPin | undefined) => Promise<VerifiedTicket>;
  /** When this number changes, accepted tickets are verified again. */
  readonly version: () => number;
}

interface AcceptedTicket {
  readonly caller: AuthenticatedCaller;
  /** When the ticket is no longer accepted, on the monotonic clock, which does not jump. */
  readonly validUntil: number;
}

const maxTickets = 8;

/**
 * The tickets that were accepted on one connection. A ticket is verified once per connection. If two consecutive
 * requests have the same ticket, the second one needs only a comparison of the tickets.
 *
 * @see [C7.2](../../../docs/guarantees.md#c7-2)
 */
export class ConnectionTickets {
  readonly #clientPin: KeyPin | undefined;
  readonly #options: ConnectionTicketsOptions;
  readonly #accepted = new Map<string, AcceptedTicket>();
  readonly #verifying = new Map<string, Promise<AuthenticatedCaller>>();
  #lastText: string | undefined;
  #last: AcceptedTicket | undefined;
  #version: number;

  /** @param clientPin - key of the client; undefined when the client has shown no key */
  constructor(clientPin: KeyPin | undefined, options: ConnectionTicketsOptions) {
    this.#clientPin = clientPin;
    this.#options = options;
    this.#version = options.version();
  }

  /** Returns the caller if the ticket was accepted before on this connection, and is still valid. */
  accepted(text: string): AuthenticatedCaller | undefined {
    const version = this.#options.version();
    if (version !== this.#version) this.#forgetAll(version);
    const ticket = text === this.#lastText ? this.#last : this.#accepted.get(text);
    if (ticket === undefined) return undefined;
    if (this.#options.clock.now() < ticket.validUntil) {
      this.#lastText = text;
      this.#last = ticket;
      return ticket.caller;
    }
    this.#accepted.delete(text);
    if (ticket === this.#last) this.#lastText = this.#last = undefined;
    return undefined;
  }

  #forgetAll(version: number): void {
    this.#version = version;
    this.#accepted.clear();
    this.#lastText = this.#last = undefined;
  }

  /** Concurrent requests with one ticket share its verification. */
  verify(text: string): Promise<AuthenticatedCaller> {
    let verification = this.#verifying.get(text);
    if (verification === undefined) {
      verification = this.#verify(text).finally(() => this.#verifying.delete(text));
      this.#verifying.set(text, verification);
    }
    return verification;
  }

  async #verify(text: string): Promise<AuthenticatedCaller> {
    const { clock, verify, version } = this.#options;
    const verifiedAt = version();
    const { principal, rights, expiresAt, validUntil } = await verify(text, this.#clientPin);
    const ticket: AcceptedTicket = {
      caller: Object.freeze({ principal, rights, expiresAt }),
      validUntil: clock.now() + validUntil - clock.wallNow(),
    };
    if (verifiedAt !== version()) return ticket.caller;
    const [oldest] = this.#accepted.keys();
    if (this.#accepted.size >= maxTickets && oldest !== undefined) this.#accepted.delete(oldest);
    this.#accepted.set(text, ticket);
    this.#lastText = text;
    this.#last = ticket;
    return ticket.caller;
  }
}
