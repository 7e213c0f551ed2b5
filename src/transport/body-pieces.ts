import { fitsInPiece, pieceBytes } from '../core/body-piece.js';
import type { TransportRequest } from '../core/transport.js';
import { addHeaders } from '../protocol/call-headers.js';

/**
 * Splits a large body in memory into pieces. The library undici writes a piece once the socket has taken the earlier
 * pieces, so the handler learns how far the upload is. A whole body would count as written at once, although the socket
 * has taken only a part of the body.
 *
 * A request is not split if its method has no body, or if its `Content-Length` is wrong. The library then refuses it.
 */
export function inPieces(request: TransportRequest): TransportRequest {
  const { body, method, headers } = request;
  if (!isInMemory(body) || fitsInPiece(body) || method === 'GET' || method === 'HEAD') return request;
  const bytes = toBuffer(body);
  const stated = contentLengthOf(headers);
  if (bytes.length <= pieceBytes || (stated !== undefined && Number(stated) !== bytes.length)) return request;
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return { ...addHeaders(request, [['content-length', String(bytes.length)]]), body: pieces };
}

function isInMemory(body: unknown): body is string | ArrayBufferView | ArrayBuffer {
  return typeof body === 'string' || ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
}

function toBuffer(body: string | ArrayBufferView | ArrayBuffer): Buffer {
  if (typeof body === 'string') return Buffer.from(body);
  return ArrayBuffer.isView(body)
    ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(body);
}

/** Returns the value of the header `Content-Length`; undefined without that header. */
function contentLengthOf(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if (!Array.isArray(headers))
    return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  const index = headers.findIndex(
    (name, i) => i % 2 === 0 && String(name).toLowerCase() === 'content-length',
  );
  return index < 0 ? undefined : headers[index + 1];
}
