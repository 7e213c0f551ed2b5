/** Port to hashing and random bytes. */
export interface Hashing {
  /** SHA-256 of a string in UTF-8, in hexadecimal. */
  sha256(text: string): string;
  /** Compares in a time that does not depend on where the strings differ. */
  timingSafeEqual(a: string, b: string): boolean;
  /** Random bytes, in hexadecimal. */
  randomHex(bytes: number): string;
}

/**
 * The proof by which a registry shows a launched service that it is the one that launched it. Launcher and registry share
 * a pair of one-time secrets of 32 random bytes. The service presents the ticket, and only the holder of `registryKey` can
 * compute the proof. The registry stores only the ticket's hash.
 *
 * @see [T9](../../docs/background.md#t9)
 */
export function launchProof(hashing: Hashing, registryKey: string, name: string, epoch: number): string {
  return hashing.sha256(`binding-clerk proof v1\n${registryKey}\n${name}\n${String(epoch)}`);
}
