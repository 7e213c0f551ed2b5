/** Parts of a request that must be the same in all retries. */
export interface FingerprintInput {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Empty without the header. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** SHA-256 of several parts in hexadecimal. Each part is preceded by its length, so bytes cannot move between parts. */
export type Digest = (parts: readonly (string | Uint8Array)[]) => string;

/** The fingerprint is the same only for the same method, target, content-type and body. @see [C3.6](../../../docs/guarantees.md#c3-6) */
export function fingerprintOf(
  digest: Digest,
  { method, target, contentType, body }: FingerprintInput,
): string {
  return digest(['binding-clerk call v1', method, target, contentType, body]);
}
