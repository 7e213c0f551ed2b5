/** Parts of a request that are the same in all retries. */
export interface FingerprintInput {
  readonly method: string;
  readonly target: string;
  /** Value of the header `content-type`; empty without this header. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * Returns the SHA-256 of several parts, as hexadecimal digits. The length of each part is hashed too, so the parts
 * `ab`, `c` and the parts `a`, `bc` have different digests.
 */
export type Digest = (parts: readonly (string | Uint8Array)[]) => string;

/**
 * Returns the fingerprint of a request. Equal fingerprints mean equal method, target, content-type and body.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export function fingerprintOf(
  digest: Digest,
  { method, target, contentType, body }: FingerprintInput,
): string {
  return digest(['binding-clerk call v1', method, target, contentType, body]);
}
