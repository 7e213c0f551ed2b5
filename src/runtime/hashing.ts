/** Hashing and unguessable numbers, from Node's own OpenSSL. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** SHA-256, comparison in constant time, and random bytes. */
export const systemHashing = {
  /** SHA-256 of a text in UTF-8, hexadecimal. */
  sha256: (text: string): string => digestOf(text).toString('hex'),
  /** Compares in a time that tells nothing of where two texts differ, nor of which lengths they have. */
  sameText: (a: string, b: string): boolean => timingSafeEqual(digestOf(a), digestOf(b)),
  /** Random bytes, hexadecimal. */
  randomHex: (bytes: number): string => randomBytes(bytes).toString('hex'),
};

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
