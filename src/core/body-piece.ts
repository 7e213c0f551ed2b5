/** A request body in memory that is larger than this size, in bytes, is sent in pieces of this size. */
export const pieceBytes = 64 * 1024;

/** A UTF-16 code unit takes at most 3 bytes in UTF-8. */
const maxBytesPerCharacter = 3;

/** Whether a request has no body, or a body in memory that is certainly not larger than a piece. */
export function fitsInPiece(body: unknown): boolean {
  if (body === undefined || body === null) return true;
  if (typeof body === 'string') return body.length <= pieceBytes / maxBytesPerCharacter;
  return (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) && body.byteLength <= pieceBytes;
}
