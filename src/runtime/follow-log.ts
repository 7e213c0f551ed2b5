import { open } from 'node:fs/promises';
import { sleep, type Clock } from '../core/clock.js';

/** Interval between two checks for new output, in ms. */
const pollMs = 250;
/** Maximum number of bytes at the end of a file that are searched for the last lines. */
const maxTailBytes = 1024 * 1024;

export interface FollowLogOptions {
  readonly clock: Clock;
  /** Number of earlier lines before the first new line. */
  readonly lines: number;
  /** Ends the iteration. Without a signal, the iteration ends at the end of the file. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Yields the last lines of a log file as text. With `signal`, continues with text that is appended later. Continues
 * at the beginning of a file that was emptied or replaced. Lines that were written just before the file was emptied
 * may be missing.
 *
 * @throws the error of the operating system when the file cannot be read
 */
export async function* followLog(
  path: string,
  { clock, lines, signal }: FollowLogOptions,
): AsyncGenerator<string, void, undefined> {
  let { text, end, inode } = await readFrom(path, undefined);
  const missing = lines - countLines(text);
  if (missing > 0) {
    const earlier = await readFrom(`${path}.1`, undefined).catch(() => undefined);
    if (earlier !== undefined) text = `${lastLines(earlier.text, missing)}${text}`;
  }
  const tail = lastLines(text, lines);
  if (tail !== '') yield tail;
  while (signal?.aborted === false) {
    await sleep(clock, pollMs);
    // No log file exists for a moment between two starts.
    const next = await readFrom(path, { end, inode }).catch(() => undefined);
    if (next === undefined) continue;
    ({ text, end, inode } = next);
    if (text !== '') yield text;
  }
}

interface LogPosition {
  readonly end: number;
  readonly inode: number;
}

/**
 * Reads a file from a position to its end, but at most the last `maxTailBytes` bytes. Reads from the beginning
 * without a position, and if the file is shorter or was replaced.
 */
async function readFrom(
  path: string,
  position: LogPosition | undefined,
): Promise<LogPosition & { readonly text: string }> {
  const file = await open(path, 'r');
  try {
    const { size, ino } = await file.stat();
    const isSame = position !== undefined && position.inode === ino && position.end <= size;
    const from = Math.max(isSame ? position.end : 0, size - maxTailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return { text: buffer.toString('utf8', 0, bytesRead), end: from + bytesRead, inode: ino };
  } finally {
    await file.close();
  }
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}

function lastLines(text: string, count: number): string {
  if (count <= 0) return '';
  const lines = text.split('\n');
  const isComplete = lines.at(-1) === '';
  return lines.slice(-count - (isComplete ? 1 : 0)).join('\n');
}
