/** Size of the pieces in which a large body in memory is sent, in bytes. A smaller body is sent whole. */
export const pieceBytes = 64 * 1024;

/** Maximum number of bytes of a character of a string in UTF-8. */
const maxBytesPerCharacter = 3;

/** Whether a body is in memory and certainly not larger than a piece. True for no body. */
export function fitsInPiece(body: unknown): boolean {
  if (body === undefined || body === null) return true;
  if (typeof body === 'string') return body.length <= pieceBytes / maxBytesPerCharacter;
  return (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) && body.byteLength <= pieceBytes;
}
