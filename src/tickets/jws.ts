import { CompactSign, compactVerify, importJWK, importPKCS8 } from 'jose';
import type { KeyAlgorithm } from '../core/credentials.js';
import type { PublicJwk } from './public-jwk.js';

/**
 * JSON Web Signatures in compact form. The type of the key determines the algorithm. @see
 * https://www.rfc-editor.org/rfc/rfc7515
 */

export const jwsAlgorithms: Readonly<Record<KeyAlgorithm, string>> = Object.freeze({
  Ed25519: 'EdDSA',
  ES256: 'ES256',
});

export type SigningKey = Awaited<ReturnType<typeof importPKCS8>>;

export type VerifyingKey = Awaited<ReturnType<typeof importJWK>>;

export function toSigningKey(pem: string, algorithm: KeyAlgorithm): Promise<SigningKey> {
  return importPKCS8(pem, jwsAlgorithms[algorithm]);
}

/** Rejects when the coordinates of the key are not a point on the curve. */
export function toVerifyingKey(jwk: PublicJwk, algorithm: KeyAlgorithm): Promise<VerifyingKey> {
  return importJWK({ ...jwk }, jwsAlgorithms[algorithm]);
}

export function signJws(
  payload: Uint8Array,
  header: { readonly alg: string } & Readonly<Record<string, unknown>>,
  key: SigningKey,
): Promise<string> {
  return new CompactSign(payload).setProtectedHeader({ ...header }).sign(key);
}

/** Resolves to the payload. Rejects when the signature is invalid, or was made with another algorithm. */
export async function verifyJws(
  text: string,
  key: VerifyingKey,
  algorithm: KeyAlgorithm,
): Promise<Uint8Array> {
  return (await compactVerify(text, key, { algorithms: [jwsAlgorithms[algorithm]] })).payload;
}
