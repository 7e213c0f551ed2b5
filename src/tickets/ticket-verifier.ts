import type { AccessRight } from '../core/access-right.js';
import type { Clock } from '../core/clock.js';
import type { KeyTools } from '../core/credentials.js';
import { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import { toVerifyingKey, verifyJws, type VerifyingKey } from './jws.js';
import { algorithmOfJwk, spkiOfJwk } from './public-jwk.js';
import { decodeClaims, type TicketClaims } from './ticket-claims.js';
import { maxTicketLength, readTicketHeader, type TicketHeader } from './ticket-header.js';

export const maxClockSkewMs = 30_000;

export interface TicketExpectation {
  readonly clientPin: KeyPin | undefined;
  /** Whether `name`, the service in the ticket, is a name of this service. Called only after all other checks. */
  readonly isOwnService: (name: string) => boolean | Promise<boolean>;
  /** Whether the registry with the key `issuer` has lost data since this incarnation. Default: false. */
  readonly isOutdated?: (incarnation: string, issuer: KeyPin) => boolean;
}

export interface VerifiedTicket {
  readonly principal: string;
  readonly service: string;
  readonly rights: readonly AccessRight[];
  readonly id: string;
  /** When the ticket expires, in ms since 1970. */
  readonly expiresAt: number;
  /** Time until which a service accepts the ticket, in ms since 1970: {@link maxClockSkewMs} after `expiresAt`. */
  readonly validUntil: number;
}

/**
 * Verifies tickets without a request to the registry. A ticket contains the key of the registry that signed it. The key
 * is accepted only if its hash is one of the pins. Each pinned key is imported once.
 *
 * @see [C7.2](../../docs/guarantees.md#c7-2), [C7.8](../../docs/guarantees.md#c7-8),
 * [A14](../../docs/guarantees.md#a14), [A15](../../docs/guarantees.md#a15)
 */
export class TicketVerifier {
  readonly #pins: () => readonly KeyPin[];
  readonly #keyTools: Pick<KeyTools, 'pinOfKey'>;
  readonly #clock: Pick<Clock, 'wallNow'>;
  readonly #keys = new Map<KeyPin, Promise<VerifyingKey>>();

  constructor(
    pins: () => readonly KeyPin[],
    keyTools: Pick<KeyTools, 'pinOfKey'>,
    clock: Pick<Clock, 'wallNow'>,
  ) {
    this.#pins = pins;
    this.#keyTools = keyTools;
    this.#clock = clock;
  }

  /**
   * Resolves when the ticket is valid for this connection and this service.
   *
   * @throws {@link ClerkError} `TICKET_REFUSED`; the message states the reason, and never quotes the ticket
   */
  async verify(text: string, expected: TicketExpectation): Promise<VerifiedTicket> {
    const header = readTicketHeader(text);
    if (header === undefined) throw refusal(`is malformed, or has more than ${maxTicketLength} characters`);
    const claims = decodeClaims(await this.#payloadOf(text, header));
    if (claims?.issuer !== header.kid) throw refusal('has invalid claims');
    this.#check(claims, expected);
    if (!(await expected.isOwnService(claims.service)))
      throw refusal(`was issued for ${claims.service}, which is not a name of this service`);
    const expiresAt = claims.expiresAt * 1_000;
    return Object.freeze({
      principal: claims.principal,
      service: claims.service,
      rights: claims.rights,
      id: claims.id,
      expiresAt,
      validUntil: expiresAt + maxClockSkewMs,
    });
  }

  async #payloadOf(text: string, header: TicketHeader): Promise<Uint8Array> {
    const { kid, jwk } = header;
    if (!this.#pins().includes(kid))
      throw refusal(
        'was signed with a key that this service does not accept; check the registry key of the service',
      );
    if (this.#keyTools.pinOfKey(spkiOfJwk(jwk)) !== kid)
      throw refusal('contains a public key that does not match the key id in the ticket');
    const algorithm = algorithmOfJwk(jwk);
    try {
      let key = this.#keys.get(kid);
      if (key === undefined) {
        key = toVerifyingKey(jwk, algorithm);
        this.#keys.set(kid, key);
      }
      return await verifyJws(text, await key, algorithm);
    } catch (cause) {
      throw refusal('has an invalid signature', cause);
    }
  }

  #check(claims: TicketClaims, { clientPin, isOutdated }: TicketExpectation): void {
    if (claims.clientPin !== clientPin)
      throw refusal(
        clientPin === undefined
          ? 'requires that the client proves its key on the connection'
          : 'was issued to another client',
      );
    if (isOutdated?.(claims.incarnation, claims.issuer) === true)
      throw refusal('was issued before the registry lost its data');
    const now = this.#clock.wallNow();
    if (now < claims.issuedAt * 1_000 - maxClockSkewMs)
      throw refusal('is not valid yet; compare the clocks of registry and service');
    if (now >= claims.expiresAt * 1_000 + maxClockSkewMs)
      throw refusal(
        'has expired. Send a new ticket. If the ticket is new, compare the clocks of registry and service',
      );
  }
}

function refusal(problem: string, cause?: unknown): ClerkError {
  return new ClerkError('TICKET_REFUSED', `The ticket ${problem}`, { cause });
}
