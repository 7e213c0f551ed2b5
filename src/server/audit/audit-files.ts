import type { AuditFolder } from '../../core/audit-folder.js';
import type { AuditLine } from '../../protocol/audit-messages.js';
import { decodeLine, maxLineBytes } from './audit-line.js';

const extension = '.ndjson';
/** The last valid line is searched in this many bytes at the end of the last file. */
const tailBytes = 32 * maxLineBytes;
const lineBreak = 10;

/** The file that begins with the line `seq`. */
export function fileNameOf(seq: number): string {
  return String(seq).padStart(16, '0') + extension;
}

/** Returns the names of the log files, oldest first. Other files are ignored. */
export async function listFiles(folder: AuditFolder): Promise<string[]> {
  return (await folder.names()).filter((name) => /^\d{16}\.ndjson$/.test(name)).sort();
}

function firstSequenceOf(name: string): number {
  return Number(name.slice(0, -extension.length));
}

/** The end of a log that a server of the past has written. */
export interface LogEnd {
  /** Oldest first. */
  readonly files: readonly string[];
  /** Bytes of the last file. */
  readonly sizeBytes: number;
  /** Undefined for a new log, and for a log without a valid line at its end. */
  readonly lastLine: AuditLine | undefined;
  /** Sequence number of the last line; 0 for a new log. */
  readonly lastSequence: number;
}

/** Finds the last valid line of a log, and cuts the bytes after it: a torn line, or zeros after a power failure. */
export async function recoverEnd(folder: AuditFolder): Promise<LogEnd> {
  const files = await listFiles(folder);
  const last = files.at(-1);
  const file = last === undefined ? undefined : await folder.open(last);
  if (last === undefined || file === undefined)
    return { files: [], sizeBytes: 0, lastLine: undefined, lastSequence: 0 };
  try {
    const sizeBytes = await file.sizeBytes();
    const offset = Math.max(0, sizeBytes - tailBytes);
    const tail = await file.read(offset, sizeBytes - offset);
    const { line, end } = lastLineOf(tail);
    // Without a valid line, the beginning of a longer file is kept.
    const validBytes = line === undefined && offset > 0 ? sizeBytes : offset + end;
    if (validBytes < sizeBytes) await file.truncate(validBytes);
    // A killed server may have left lines without a sync, and the next line may go to another file.
    await file.sync();
    return {
      files,
      sizeBytes: validBytes,
      lastLine: line,
      lastSequence: line?.seq ?? firstSequenceOf(last) - 1,
    };
  } finally {
    await file.close();
  }
}

/** @returns the last valid line, and the offset after it */
export function lastLineOf(bytes: Buffer): { readonly line: AuditLine | undefined; readonly end: number } {
  for (let end = bytes.lastIndexOf(lineBreak); end >= 0;) {
    const before = end === 0 ? -1 : bytes.lastIndexOf(lineBreak, end - 1);
    const line = decodeLine(bytes.toString('utf8', before + 1, end));
    if (line !== undefined) return { line, end: end + 1 };
    end = before;
  }
  return { line: undefined, end: 0 };
}
