/** Parts of a request that must be the same in all retries of the request. */
export interface FingerprintInput {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly target: string;
  /** Value of the content-type header; empty without that header. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * Computes the SHA-256 hash of several parts, in hexadecimal. The length of each part is hashed before the part. Moving
 * bytes from one part to the next therefore changes the hash.
 */
export type Digest = (parts: readonly (string | Uint8Array)[]) => string;

/**
 * Returns the fingerprint of a request. Two requests have the same fingerprint only if their method, target,
 * content-type and body are the same, as in a request and its retries.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export function fingerprintOf(
  digest: Digest,
  { method, target, contentType, body }: FingerprintInput,
): string {
  return digest(['binding-clerk call v1', method, target, contentType, body]);
}
