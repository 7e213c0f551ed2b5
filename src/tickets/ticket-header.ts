import { isPin, type KeyPin } from '../core/key-pin.js';
import { decodeBase64url, decodeJsonObject, hasExactly } from './base64url.js';
import { jwsAlgorithms } from './jws.js';
import { algorithmOfJwk, parsePublicJwk, toPublicJwk, type PublicJwk } from './public-jwk.js';
import type { CheckedCredentials } from '../core/credentials.js';

/** Value of `typ`. A text that is signed for another purpose has another value, so it is never accepted as a ticket. */
export const ticketType = 'clerk-ticket+jwt';

export const maxTicketLength = 4_096;

/**
 * The protected header of a ticket. It contains the public key, because a service knows only the pin of the registry
 * key.
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

export function ticketHeader({ algorithm, pin, spki }: CheckedCredentials): TicketHeader {
  return Object.freeze({
    alg: jwsAlgorithms[algorithm],
    typ: ticketType,
    kid: pin,
    jwk: toPublicJwk(spki, algorithm),
  });
}

/**
 * Reads the header of a possible ticket. Does not verify the signature. Returns undefined when the text is malformed.
 *
 * @see [A15](../../docs/guarantees.md#a15)
 */
export function readTicketHeader(text: string): TicketHeader | undefined {
  if (text.length > maxTicketLength) return undefined;
  const parts = text.split('.', 4);
  // Both algorithms have signatures of 64 bytes. `jose` accepts other encodings of these bytes too, so only the
  // canonical encoding is accepted here.
  if (parts.length !== 3 || decodeBase64url(parts[2])?.length !== 64) return undefined;
  if (decodeBase64url(parts[1]) === undefined) return undefined;
  const header = decodeJsonObject(parts[0]);
  if (header === undefined || !hasExactly(header, members)) return undefined;
  const jwk = parsePublicJwk(header.jwk);
  if (jwk === undefined || header.typ !== ticketType || !isPin(header.kid)) return undefined;
  return header.alg === jwsAlgorithms[algorithmOfJwk(jwk)] ? (header as unknown as TicketHeader) : undefined;
}
