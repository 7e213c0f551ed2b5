import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Hash functions, constant-time comparison and random bytes of `node:crypto`. */
export const systemHashing = {
  /** SHA-256 of a string in UTF-8, in hexadecimal. */
  sha256: (text: string): string => sha256Bytes(text).toString('hex'),
  /** Whether two strings are equal. Hashes are compared, so that the time does not depend on the strings. */
  timingSafeEqual: (a: string, b: string): boolean => timingSafeEqual(sha256Bytes(a), sha256Bytes(b)),
  /** Random bytes, in hexadecimal. */
  randomHex: (bytes: number): string => randomBytes(bytes).toString('hex'),
};

/**
 * Returns the SHA-256 of a list of parts, in hexadecimal. The length of each part is hashed too, so the parts `ab`,
 * `c` and the parts `a`, `bc` have different hashes.
 */
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
