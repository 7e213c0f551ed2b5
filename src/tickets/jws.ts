import { CompactSign, compactVerify, importJWK, importPKCS8 } from 'jose';
import type { KeyAlgorithm } from '../core/credentials.js';
import type { PublicJwk } from './public-jwk.js';

/**
 * JSON Web Signatures in compact form. The type of the key determines the algorithm. @see
 * https://www.rfc-editor.org/rfc/rfc7515
 */

/** Value of `alg` for each kind of key. */
export const jwsAlgorithms: Readonly<Record<KeyAlgorithm, string>> = Object.freeze({
  Ed25519: 'EdDSA',
  ES256: 'ES256',
});

/** A private key that was prepared for {@link signJws}. */
export type SigningKey = Awaited<ReturnType<typeof importPKCS8>>;

/** A public key that was prepared for {@link verifyJws}. */
export type VerifyingKey = Awaited<ReturnType<typeof importJWK>>;

/** @param pem - private key, in PEM (PKCS #8) */
export function toSigningKey(pem: string, algorithm: KeyAlgorithm): Promise<SigningKey> {
  return importPKCS8(pem, jwsAlgorithms[algorithm]);
}

/** Rejects when the numbers of the key are not a point of the curve. */
export function toVerifyingKey(jwk: PublicJwk, algorithm: KeyAlgorithm): Promise<VerifyingKey> {
  return importJWK({ ...jwk }, jwsAlgorithms[algorithm]);
}

/** @param header - the protected header; its `alg` must be that of the key */
export function signJws(
  payload: Uint8Array,
  header: { readonly alg: string } & Readonly<Record<string, unknown>>,
  key: SigningKey,
): Promise<string> {
  return new CompactSign(payload).setProtectedHeader({ ...header }).sign(key);
}

/** Resolves to the payload. Rejects when the signature is invalid, or another algorithm made the signature. */
export async function verifyJws(
  text: string,
  key: VerifyingKey,
  algorithm: KeyAlgorithm,
): Promise<Uint8Array> {
  return (await compactVerify(text, key, { algorithms: [jwsAlgorithms[algorithm]] })).payload;
}
