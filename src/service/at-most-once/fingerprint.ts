/** What a call asks for, as one text that is the same for its repeats and for nothing else. */

/** What goes into it. */
export interface FingerprintInput {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly target: string;
  /** Empty when there is none. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** SHA-256 of several parts, each preceded by its length, hexadecimal: no two lists of parts run into each other. */
export type Digest = (parts: readonly (string | Uint8Array)[]) => string;

/** @see promises C3.6 */
export function fingerprintOf(
  digest: Digest,
  { method, target, contentType, body }: FingerprintInput,
): string {
  return digest(['binding-clerk call v1', method, target, contentType, body]);
}
