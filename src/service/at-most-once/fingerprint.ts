export interface FingerprintInput {
  readonly method: string;
  readonly target: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * Returns the SHA-256 of several parts and their lengths, in hexadecimal. Because of the lengths, `ab`, `c` and `a`,
 * `bc` have different digests.
 */
export type Digest = (parts: readonly (string | Uint8Array)[]) => string;

/**
 * Requests with equal fingerprints have equal method, target, content type, body and sender.
 *
 * @param sender - the principal and the header `authorization`; each may be missing
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export function fingerprintOf(
  digest: Digest,
  { method, target, contentType, body }: FingerprintInput,
  sender: readonly string[],
): string {
  return digest(['binding-clerk call v1', method, target, contentType, body, ...sender]);
}
