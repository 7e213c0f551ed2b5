/**
 * The pair of one-time tickets of a launched service: one half shows the service to the server, the other the server to
 * the service. Both are 32 random bytes, hexadecimal; the server stores only what it needs to check.
 *
 * @see Tcl-DP T9
 */

/** What hashing needs of the runtime. */
export interface Hashing {
  /** SHA-256 of a text in UTF-8, hexadecimal. */
  sha256(text: string): string;
  /** Compares in a time that does not tell where two texts differ. */
  timingSafeEqual(a: string, b: string): boolean;
  /** Random bytes, hexadecimal. */
  randomHex(bytes: number): string;
}

/** What the server answers a ticket with: nobody can make it who was not given the other half. */
export function launchProof(hashing: Hashing, registryKey: string, name: string, epoch: number): string {
  return hashing.sha256(`binding-clerk proof v1\n${registryKey}\n${name}\n${String(epoch)}`);
}
