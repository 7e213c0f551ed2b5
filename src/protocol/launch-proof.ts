/** Port to hash functions and random bytes. */
export interface Hashing {
  /** Returns the SHA-256 of the text in UTF-8, in hexadecimal. */
  sha256(text: string): string;
  /** Whether two texts are equal. The duration does not depend on the position of the first difference. */
  timingSafeEqual(a: string, b: string): boolean;
  /** Returns the given number of random bytes, in hexadecimal. */
  randomHex(bytes: number): string;
}

/**
 * Returns the proof that a registry belongs to the launcher of a service. Launcher, registry and service share two
 * one-time secrets of 32 random bytes: `registryKey`, and the ticket that the service sends.
 *
 * @see [T9](../../docs/background.md#t9)
 */
export function launchProof(hashing: Hashing, registryKey: string, name: string, epoch: number): string {
  return hashing.sha256(`binding-clerk proof v1\n${registryKey}\n${name}\n${String(epoch)}`);
}
