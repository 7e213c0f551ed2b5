import { pieceBytes } from '../core/body-piece.js';
import { undici } from './load-undici.js';

/** Whether a body is a Blob or a File of any realm. */
export function isBlob(body: unknown): body is Blob {
  const tag = Object.prototype.toString.call(body);
  return tag === '[object Blob]' || tag === '[object File]';
}

/**
 * Returns the content of a blob in pieces. The result can be iterated more than once. Used instead of `Blob.stream()`,
 * which may return the whole blob as one chunk.
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

/** Returns a form whose large files are read in pieces. Returns the given form if it has no large file. */
export function formInPieces(form: FormData): unknown {
  const isLarge = (value: unknown): value is NamedBlob => isBlob(value) && value.size > pieceBytes;
  if (![...form.values()].some(isLarge)) return form;
  const copy = new (undici().FormData)();
  for (const [name, value] of form) copy.append(name, isLarge(value) ? fileInPieces(value) : value);
  return copy;
}

/** Returns a file with the same content whose method `stream` returns the content in pieces. */
function fileInPieces(file: NamedBlob): Blob {
  const { name, type, lastModified } = file;
  const stream = (): ReadableStream => ReadableStream.from(blobInPieces(file));
  const copy: Blob = new File([file], name, { type, lastModified });
  return Object.defineProperty(copy, 'stream', { value: stream });
}
