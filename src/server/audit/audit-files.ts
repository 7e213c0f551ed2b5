import type { AuditFolder } from '../../core/audit-folder.js';
import type { AuditLine } from '../../protocol/audit-messages.js';
import { decodeLine, maxLineBytes } from './audit-line.js';

const extension = '.ndjson';
/** Number of bytes at the end of the last file in which the last valid line is searched. */
const tailBytes = 32 * maxLineBytes;
const lineBreak = 10;

/** Returns the name of the file whose first line has the number `seq`. */
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

/** The end of a log that an earlier server process has written. */
export interface LogEnd {
  /** Names of the files, oldest first. */
  readonly files: readonly string[];
  /** Size of the last file, in bytes. */
  readonly sizeBytes: number;
  /** Undefined for a new log, and for a log whose end has no valid line. */
  readonly lastLine: AuditLine | undefined;
  /** Sequence number of the last line; 0 for a new log. */
  readonly lastSequence: number;
}

/**
 * Finds the last valid line of a log. Truncates the bytes after it, such as an incomplete line, or zeros after a
 * power failure.
 */
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
    // If the tail has no valid line, a file that is longer than the tail is not truncated.
    const validBytes = line === undefined && offset > 0 ? sizeBytes : offset + end;
    if (validBytes < sizeBytes) await file.truncate(validBytes);
    // Syncs lines that a killed server has not synced, because the next line may go to another file.
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
