export interface Hashing {
  /** Returns the SHA-256 of the UTF-8 form of a text, in hexadecimal. */
  sha256(text: string): string;
  /** Compares two texts in a time that does not depend on the position of the first difference. */
  timingSafeEqual(a: string, b: string): boolean;
  /** Returns random bytes, in hexadecimal. */
  randomHex(bytes: number): string;
}

/**
 * Returns the text with which a registry proves to a launched service that it is the registry of the launcher. Only the
 * launcher, this registry and the service know `registryKey`, a one-time secret of 32 random bytes. The registry sends
 * the text in response to the ticket, the other one-time secret. @see [T9](../../docs/background.md#t9)
 */
export function launchProof(hashing: Hashing, registryKey: string, name: string, epoch: number): string {
  return hashing.sha256(`binding-clerk proof v1\n${registryKey}\n${name}\n${String(epoch)}`);
}
