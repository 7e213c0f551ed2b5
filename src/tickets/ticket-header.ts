import { isPin, type KeyPin } from '../core/key-pin.js';
import { decodeBase64url, decodeJsonObject, hasExactly } from './base64url.js';
import { jwsAlgorithms } from './jws.js';
import { algorithmOfJwk, parsePublicJwk, toPublicJwk, type PublicJwk } from './public-jwk.js';
import type { CheckedCredentials } from '../core/credentials.js';

/** Value of `typ`, so that a signature made for another purpose is never a ticket. */
export const ticketType = 'clerk-ticket+jwt';

/** Maximum length of a ticket, in characters. */
export const maxTicketLength = 4_096;

/**
 * The protected header of a ticket. The public key is in the header, because a service knows only the pin of the
 * registry key. The key counts only if its hash is the key id, and the key id is pinned.
 */
export interface TicketHeader {
  readonly alg: string;
  readonly typ: string;
  readonly kid: KeyPin;
  readonly jwk: PublicJwk;
}

const members = Object.keys({ alg: true, typ: true, kid: true, jwk: true } satisfies Record<
  keyof TicketHeader,
  true
>);

/** Returns the header of the tickets that a registry key signs. */
export function ticketHeader({ algorithm, pin, spki }: CheckedCredentials): TicketHeader {
  return Object.freeze({
    alg: jwsAlgorithms[algorithm],
    typ: ticketType,
    kid: pin,
    jwk: toPublicJwk(spki, algorithm),
  });
}

/**
 * Reads the header of a text that may be a ticket. The header is not yet proved.
 *
 * @returns undefined when the text does not have the form of a ticket, the header has other members, or the algorithm
 * is not that of the key
 * @see [A15](../../docs/guarantees.md#a15)
 */
export function readTicketHeader(text: string): TicketHeader | undefined {
  if (text.length > maxTicketLength) return undefined;
  const parts = text.split('.', 4);
  // Both algorithms have signatures of 64 bytes. `jose` also accepts other spellings of these bytes.
  if (parts.length !== 3 || decodeBase64url(parts[2])?.length !== 64) return undefined;
  if (decodeBase64url(parts[1]) === undefined) return undefined;
  const header = decodeJsonObject(parts[0]);
  if (header === undefined || !hasExactly(header, members)) return undefined;
  const jwk = parsePublicJwk(header.jwk);
  if (jwk === undefined || header.typ !== ticketType || !isPin(header.kid)) return undefined;
  return header.alg === jwsAlgorithms[algorithmOfJwk(jwk)] ? (header as unknown as TicketHeader) : undefined;
}
