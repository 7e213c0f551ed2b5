import type { KeyAlgorithm } from '../core/credentials.js';
import { isObject } from '../core/is-object.js';
import { spkiPrefixes } from '../core/spki.js';
import { decodeBase64url } from './base64url.js';

/** A public key as JSON. @see https://www.rfc-editor.org/rfc/rfc8037, https://www.rfc-editor.org/rfc/rfc7518 */
export type PublicJwk =
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string };

export function algorithmOfJwk({ kty }: PublicJwk): KeyAlgorithm {
  return kty === 'OKP' ? 'Ed25519' : 'ES256';
}

export function toPublicJwk(spki: Uint8Array, algorithm: KeyAlgorithm): PublicJwk {
  const numbers = Buffer.from(spki).subarray(spkiPrefixes[algorithm].length);
  const x = numbers.subarray(0, 32).toString('base64url');
  return algorithm === 'Ed25519'
    ? { kty: 'OKP', crv: 'Ed25519', x }
    : { kty: 'EC', crv: 'P-256', x, y: numbers.subarray(32).toString('base64url') };
}

export function spkiOfJwk(jwk: PublicJwk): Uint8Array {
  const numbers = jwk.kty === 'OKP' ? [jwk.x] : [jwk.x, jwk.y];
  return Buffer.concat([
    spkiPrefixes[algorithmOfJwk(jwk)],
    ...numbers.map((number) => Buffer.from(number, 'base64url')),
  ]);
}

/** Returns undefined unless the value has exactly the members of a {@link PublicJwk}. */
export function parsePublicJwk(value: unknown): PublicJwk | undefined {
  if (!isObject(value)) return undefined;
  const { kty, crv } = value;
  const members =
    kty === 'OKP' && crv === 'Ed25519' ? ['x'] : kty === 'EC' && crv === 'P-256' ? ['x', 'y'] : [];
  if (members.length === 0 || Object.keys(value).length !== members.length + 2) return undefined;
  return members.every((member) => decodeBase64url(value[member])?.length === 32)
    ? (value as unknown as PublicJwk)
    : undefined;
}
