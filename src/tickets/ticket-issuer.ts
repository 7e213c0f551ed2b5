import type { AccessRight } from '../core/access-right.js';
import type { Clock } from '../core/clock.js';
import type { CheckedCredentials } from '../core/credentials.js';
import type { KeyPin } from '../core/key-pin.js';
import type { Hashing } from '../protocol/launch-proof.js';
import { signJws, toSigningKey, type SigningKey } from './jws.js';
import { encodeClaims, maxTicketSeconds } from './ticket-claims.js';
import { ticketHeader, type TicketHeader } from './ticket-header.js';

export interface TicketGrant {
  readonly principal: string;
  readonly clientPin: KeyPin;
  readonly service: string;
  readonly rights: readonly AccessRight[];
  readonly incarnation: string;
}

export interface IssuedTicket {
  readonly ticket: string;
  readonly expiresInMs: number;
}

/**
 * Issues tickets that are signed with a registry key. Does not check whether the principal has the rights. @see
 * [C7.2](../../docs/guarantees.md#c7-2)
 */
export class TicketIssuer {
  readonly #credentials: CheckedCredentials;
  readonly #header: TicketHeader;
  readonly #runtime: Pick<Clock, 'wallNow'> & Pick<Hashing, 'randomHex'>;
  #key: Promise<SigningKey> | undefined;

  constructor(credentials: CheckedCredentials, runtime: Pick<Clock, 'wallNow'> & Pick<Hashing, 'randomHex'>) {
    this.#credentials = credentials;
    this.#header = ticketHeader(credentials);
    this.#runtime = runtime;
  }

  /** @param lifeMs - lifetime of the ticket, from 1,000 to 300,000 (default); rounded down to whole seconds */
  async issue(grant: TicketGrant, lifeMs = maxTicketSeconds * 1_000): Promise<IssuedTicket> {
    const { key, algorithm, pin } = this.#credentials;
    const now = this.#runtime.wallNow();
    const issuedAt = Math.floor(now / 1_000);
    const expiresAt = issuedAt + Math.min(maxTicketSeconds, Math.max(1, Math.floor(lifeMs / 1_000)));
    const claims = encodeClaims({
      ...grant,
      issuer: pin,
      id: this.#runtime.randomHex(16),
      issuedAt,
      expiresAt,
    });
    this.#key ??= toSigningKey(key, algorithm);
    const ticket = await signJws(claims, { ...this.#header }, await this.#key);
    return { ticket, expiresInMs: expiresAt * 1_000 - now };
  }
}
