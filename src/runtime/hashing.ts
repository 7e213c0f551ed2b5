/** Hashing and unguessable numbers, from Node's own OpenSSL. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** SHA-256, comparison in constant time, and random bytes. */
export const systemHashing = {
  /** SHA-256 of a text in UTF-8, hexadecimal. */
  sha256: (text: string): string => sha256Bytes(text).toString('hex'),
  /** Compares in a time that tells nothing of where two texts differ, nor of which lengths they have. */
  timingSafeEqual: (a: string, b: string): boolean => timingSafeEqual(sha256Bytes(a), sha256Bytes(b)),
  /** Random bytes, hexadecimal. */
  randomHex: (bytes: number): string => randomBytes(bytes).toString('hex'),
};

/** SHA-256 of several parts, each preceded by its length, so that no two lists of parts run into each other; hexadecimal. */
export function hashParts(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    hash.update(`${String(bytes.byteLength)}:`).update(bytes);
  }
  return hash.digest('hex');
}

function sha256Bytes(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
