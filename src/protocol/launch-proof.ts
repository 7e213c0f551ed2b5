/** Port to hash functions and random bytes. */
export interface Hashing {
  /** Returns the SHA-256 of a string in UTF-8, in hexadecimal. */
  sha256(text: string): string;
  /** Whether two strings are equal. The time of the comparison does not depend on the position of a difference. */
  timingSafeEqual(a: string, b: string): boolean;
  /** Returns random bytes, in hexadecimal. */
  randomHex(bytes: number): string;
}

/**
 * Returns the proof by which a registry shows a launched service that the registry belongs to the service's launcher.
 * Launcher, registry and service share two one-time secrets of 32 random bytes: the ticket and `registryKey`. The
 * service presents the ticket; only a holder of `registryKey` can compute the proof. The registry stores only the hash
 * of the ticket.
 *
 * @see [T9](../../docs/background.md#t9)
 */
export function launchProof(hashing: Hashing, registryKey: string, name: string, epoch: number): string {
  return hashing.sha256(`binding-clerk proof v1\n${registryKey}\n${name}\n${String(epoch)}`);
}
