import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export const systemHashing = {
  sha256: (text: string): string => sha256Bytes(text).toString('hex'),
  /** Compares hashes, so that the duration does not reveal equal characters. */
  timingSafeEqual: (a: string, b: string): boolean => timingSafeEqual(sha256Bytes(a), sha256Bytes(b)),
  randomHex: (bytes: number): string => randomBytes(bytes).toString('hex'),
};

/**
 * Returns the SHA-256 of several parts and their lengths, in hexadecimal. Because of the lengths, `ab`, `c` and `a`,
 * `bc` have different hashes.
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
