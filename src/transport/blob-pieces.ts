import { pieceBytes } from '../core/body-piece.js';
import { undici } from './load-undici.js';

export function isBlob(body: unknown): body is Blob {
  const tag = Object.prototype.toString.call(body);
  return tag === '[object Blob]' || tag === '[object File]';
}

/**
 * Returns the bytes of a blob in pieces, because `Blob.stream()` may return the whole blob as one chunk. The result can
 * be iterated more than once.
 */
export function blobInPieces(blob: Blob): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < blob.size; at += pieceBytes)
        yield new Uint8Array(await blob.slice(at, at + pieceBytes).arrayBuffer());
    },
  };
}

type NamedBlob = Blob & { readonly name: string; readonly lastModified: number };

export function formInPieces(form: FormData): unknown {
  const isLarge = (value: unknown): value is NamedBlob => isBlob(value) && value.size > pieceBytes;
  if (![...form.values()].some(isLarge)) return form;
  const copy = new (undici().FormData)();
  for (const [name, value] of form) copy.append(name, isLarge(value) ? fileInPieces(value) : value);
  return copy;
}

function fileInPieces(file: NamedBlob): Blob {
  const { name, type, lastModified } = file;
  const stream = (): ReadableStream => ReadableStream.from(blobInPieces(file));
  const copy: Blob = new File([file], name, { type, lastModified });
  return Object.defineProperty(copy, 'stream', { value: stream });
}
