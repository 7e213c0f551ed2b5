/** Maximum size of a value, in bytes. The default limit of etcd for a request is 1.5 MiB. */
export const maxValueBytes = 1024 * 1024;

/** Header of a stored batch: the first line of its value, as JSON. */
export interface BatchHeader {
  readonly id: string;
  /** Number of other keys that contain the content; 0 if the content follows the header. */
  readonly parts: number;
}

export function encodeBatch({ id, parts }: BatchHeader, content: Buffer | undefined): Buffer {
  const header = Buffer.from(`${JSON.stringify({ id, parts })}\n`);
  return content === undefined ? header : Buffer.concat([header, content]);
}

/** Returns undefined if the bytes are not a batch. */
export function decodeBatch(bytes: Buffer): (BatchHeader & { readonly content: Buffer }) | undefined {
  const end = bytes.indexOf(10);
  try {
    const header = JSON.parse(bytes.toString('utf8', 0, Math.max(end, 0))) as BatchHeader;
    if (typeof header.id !== 'string' || !Number.isSafeInteger(header.parts)) return undefined;
    return { ...header, content: bytes.subarray(end + 1) };
  } catch {
    return undefined;
  }
}

export function* splitBytes(bytes: Buffer, maxBytes: number): IterableIterator<Buffer> {
  for (let at = 0; at < bytes.length; at += maxBytes) yield bytes.subarray(at, at + maxBytes);
}
