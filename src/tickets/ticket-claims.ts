import { isAccessRight, type AccessRight } from '../core/access-right.js';
import { isObject } from '../core/is-object.js';
import { isPin, pinOfDigest, type KeyPin } from '../core/key-pin.js';
import { isName } from '../core/name.js';
import { hasExactly, parseJsonObject } from './base64url.js';

export const maxTicketSeconds = 300;

/** Member of `cnf` that contains the SHA-256 of the client's SubjectPublicKeyInfo. */
const confirmation = 'spki#S256';

/** Content of a ticket. Times are in whole seconds since 1970. */
export interface TicketClaims {
  readonly issuer: KeyPin;
  readonly principal: string;
  readonly service: string;
  /** The ticket is valid only on connections of the client with this key. */
  readonly clientPin: KeyPin;
  readonly rights: readonly AccessRight[];
  readonly id: string;
  readonly incarnation: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const members = ['iss', 'sub', 'aud', 'cnf', 'rights', 'jti', 'inc', 'iat', 'exp'];

export function encodeClaims(claims: TicketClaims): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      iss: claims.issuer,
      sub: claims.principal,
      aud: claims.service,
      cnf: { [confirmation]: claims.clientPin.slice(pinOfDigest('').length) },
      rights: claims.rights,
      jti: claims.id,
      inc: claims.incarnation,
      iat: claims.issuedAt,
      exp: claims.expiresAt,
    }),
  );
}

/** Returns undefined when a claim is missing, unknown or invalid. */
export function decodeClaims(payload: Uint8Array): TicketClaims | undefined {
  const json = parseJsonObject(payload);
  if (json === undefined || !hasExactly(json, members)) return undefined;
  const { iss, sub, aud, cnf, rights, jti, inc, iat, exp } = json;
  if (!isPin(iss) || !isName(sub) || !isName(aud)) return undefined;
  if (!isObject(cnf) || !hasExactly(cnf, [confirmation])) return undefined;
  const clientPin = pinOfDigest(String(cnf[confirmation]));
  if (!isPin(clientPin)) return undefined;
  if (!Array.isArray(rights) || rights.length > 16 || !rights.every(isAccessRight)) return undefined;
  if (typeof jti !== 'string' || !/^[0-9a-f]{32}$/.test(jti)) return undefined;
  if (typeof inc !== 'string' || inc.length > 128) return undefined;
  if (!isTime(iat) || !isTime(exp) || exp <= iat || exp - iat > maxTicketSeconds) return undefined;
  return Object.freeze({
    issuer: iss,
    principal: sub as string,
    service: aud as string,
    clientPin,
    rights: Object.freeze([...rights]),
    id: jti,
    incarnation: inc,
    issuedAt: iat,
    expiresAt: exp,
  });
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
