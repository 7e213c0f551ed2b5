import { fitsInPiece, pieceBytes } from '../core/body-piece.js';
import type { TransportRequest } from '../core/transport.js';
import { addHeaders } from '../protocol/call-headers.js';
import { blobInPieces, formInPieces, isBlob } from './blob-pieces.js';

/**
 * Splits a large body in memory, a large blob, or the large files of a form into pieces. A piece is written only
 * after the socket has taken the earlier pieces, so the progress of the upload is visible. A body with GET or HEAD,
 * or with a wrong `Content-Length`, is not split, so that undici treats it as usual.
 */
export function inPieces(request: TransportRequest): TransportRequest {
  const { body, method, headers } = request;
  if (fitsInPiece(body) || method === 'GET' || method === 'HEAD') return request;
  if (isForm(body)) return { ...request, body: formInPieces(body) };
  const bytes = isInMemory(body) ? toBuffer(body) : isBlob(body) ? body : undefined;
  if (bytes === undefined) return request;
  const size = bytes instanceof Uint8Array ? bytes.length : bytes.size;
  const stated = valueOf(headers, 'content-length');
  if (size <= pieceBytes || (stated !== undefined && Number(stated) !== size)) return request;
  const added: [string, string][] = [['content-length', String(size)]];
  if (bytes instanceof Uint8Array) return { ...addHeaders(request, added), body: bufferInPieces(bytes) };
  if (bytes.type !== '' && valueOf(headers, 'content-type') === undefined)
    added.push(['content-type', bytes.type]);
  return { ...addHeaders(request, added), body: blobInPieces(bytes) };
}

function bufferInPieces(bytes: Buffer): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return pieces;
}

function isForm(body: unknown): body is FormData {
  return Object.prototype.toString.call(body) === '[object FormData]';
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

function valueOf(headers: unknown, header: string): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if (!Array.isArray(headers))
    return Object.entries(headers).find(([name]) => name.toLowerCase() === header)?.[1];
  const index = headers.findIndex((name, i) => i % 2 === 0 && String(name).toLowerCase() === header);
  return index < 0 ? undefined : headers[index + 1];
}
