/** Public keys as SubjectPublicKeyInfo in DER. Each key has exactly one encoding, so it has exactly one pin. */
import type { KeyAlgorithm } from './credentials.js';

/** The bytes before the coordinates of the key. Each coordinate has 32 bytes. */
export const spkiPrefixes: Readonly<Record<KeyAlgorithm, Buffer>> = Object.freeze({
  Ed25519: Buffer.from('302a300506032b6570032100', 'hex'),
  ES256: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
});

/** The prime of the field of Curve25519. */
const fieldPrime = 2n ** 255n - 19n;

/**
 * The y coordinates of the eight points whose order divides 8. A key that is one of these points is refused, because
 * its signatures can be forged without the private key.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8032, section 5.1
 */
const smallOrderYs: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  fieldPrime - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

/**
 * Whether a key is an Ed25519 key or a P-256 key in its only valid encoding. Compressed points, coordinates beyond the
 * field, and points of small order are refused. Does not check that a P-256 point is on the curve, which OpenSSL does.
 *
 * @see [C7.8](../../docs/guarantees.md#c7-8)
 */
export function isAllowedKey(spki: Uint8Array): boolean {
  const bytes = Buffer.from(spki);
  const hasPrefix = (algorithm: KeyAlgorithm, numbers: number): boolean => {
    const prefix = spkiPrefixes[algorithm];
    return bytes.length === prefix.length + 32 * numbers && bytes.subarray(0, prefix.length).equals(prefix);
  };
  if (hasPrefix('ES256', 2)) return true;
  if (!hasPrefix('Ed25519', 1)) return false;
  // The y coordinate is little-endian. Its highest bit is the sign of x.
  const encoded = BigInt(`0x${Buffer.from(bytes.subarray(-32)).reverse().toString('hex')}`);
  const y = BigInt.asUintN(255, encoded);
  return y < fieldPrime && !smallOrderYs.has(y);
}
