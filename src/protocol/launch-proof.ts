export interface Hashing {
  /** In hexadecimal. The text is hashed as UTF-8. */
  sha256(text: string): string;
  /** The duration does not depend on the position of the first difference. */
  timingSafeEqual(a: string, b: string): boolean;
  /** In hexadecimal. */
  randomHex(bytes: number): string;
}

/**
 * Proves to a launched service that the registry belongs to its launcher. Launcher, registry and service share two
 * one-time secrets of 32 random bytes: `registryKey`, and the ticket that the service sends. @see
 * [T9](../../docs/background.md#t9)
 */
export function launchProof(hashing: Hashing, registryKey: string, name: string, epoch: number): string {
  return hashing.sha256(`binding-clerk proof v1\n${registryKey}\n${name}\n${String(epoch)}`);
}
