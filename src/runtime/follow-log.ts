import { open } from 'node:fs/promises';
import { sleep, type Clock } from '../core/clock.js';

const pollMs = 250;
const maxTailBytes = 1024 * 1024;

export interface FollowLogOptions {
  readonly clock: Clock;
  /** Number of existing lines that are yielded first. */
  readonly lines: number;
  /** Without a signal, the iteration ends at the end of the file. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Yields the last lines of a log file as text. With `signal`, waits for further lines. If the file is emptied or
 * replaced, its last lines may be missing.
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
    // Between two starts of a program, the log file is missing for a short time. Read the file after the next delay.
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
 * Reads from a position to the end, but at most `maxTailBytes` bytes. Reads a shorter or replaced file from its
 * beginning.
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
