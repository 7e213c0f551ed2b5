/** Parts of a request that must be equal in all its retries. */
export interface FingerprintInput {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Empty when there is none. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * SHA-256 over several parts, hexadecimal. Each part is preceded by its length, so that bytes cannot move
 * between parts.
 */
export type Digest = (parts: readonly (string | Uint8Array)[]) => string;

/**
 * Digest of a request: equal for retries, different for other requests.
 *
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export function fingerprintOf(
  digest: Digest,
  { method, target, contentType, body }: FingerprintInput,
): string {
  return digest(['binding-clerk call v1', method, target, contentType, body]);
}
