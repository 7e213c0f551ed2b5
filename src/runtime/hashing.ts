import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Hashing, constant-time comparison and random bytes, from Node's OpenSSL. */
export const systemHashing = {
  /** SHA-256 of a string in UTF-8, in hexadecimal. */
  sha256: (text: string): string => sha256Bytes(text).toString('hex'),
  /** Compares in a time that does not depend on the strings or their lengths. */
  timingSafeEqual: (a: string, b: string): boolean => timingSafeEqual(sha256Bytes(a), sha256Bytes(b)),
  /** Random bytes, in hexadecimal. */
  randomHex: (bytes: number): string => randomBytes(bytes).toString('hex'),
};

/** SHA-256 of several parts, in hexadecimal. Each part is prefixed with its length, so no two lists have the same input. */
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
