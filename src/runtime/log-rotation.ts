import {
  constants,
  createReadStream,
  createWriteStream,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { open, rm, stat, statfs, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';

const logTailBytes = 4_096;
/** Disk space that logs leave free for the data of the registry, in bytes. */
const reservedBytes = 64 * 1024 * 1024;

/**
 * Creates a log file and its folder. Renames an existing log file to `<path>.1`, `<path>.1` to `<path>.2`, and so on.
 *
 * @param maxFiles - maximum number of renamed files
 */
export function openLog(path: string, maxFiles: number): number {
  ignoreError('EEXIST', () => mkdirSync(dirname(path), 0o700));
  shift(path, maxFiles, 0);
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600);
}

export async function readLogTail(path: string | undefined): Promise<string> {
  if (path === undefined) return '';
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const at = Math.max(0, size - logTailBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(logTailBytes), 0, logTailBytes, at);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

export async function rotateLog(
  path: string,
  maxBytes: number,
  maxFiles: number,
  minFreeBytes = reservedBytes,
): Promise<'kept' | 'copied' | 'discarded'> {
  const { size } = await stat(path);
  if (size <= maxBytes) return 'kept';
  const isCopied =
    maxFiles > 0 &&
    (await freeBytes(path)) >= size + minFreeBytes &&
    (await copyToFirst(path, maxFiles, size > 2 * maxBytes ? size - maxBytes : 0, size));
  // Programs append to this file, so their next write starts at the new end.
  await truncate(path, 0);
  if (isCopied) return 'copied';
  // The disk is almost full, so the earlier files are removed too.
  for (let i = 1; i <= maxFiles; i++) await rm(`${path}.${String(i)}`, { force: true });
  return 'discarded';
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(path));
  return bavail * bsize;
}

/** Copies the bytes from `from` to `size` to `<path>.1`. Returns whether the copy is complete. */
async function copyToFirst(path: string, maxFiles: number, from: number, size: number): Promise<boolean> {
  const first = `${path}.1`;
  try {
    shift(path, maxFiles, 1);
    await pipeline(
      createReadStream(path, { start: from, end: size - 1 }),
      createWriteStream(first, { flags: 'wx', mode: 0o600 }),
    );
    return true;
  } catch {
    await rm(first, { force: true }).catch(() => undefined);
    return false;
  }
}

/** Renames each file with a number ≥ `from` to the next number. */
function shift(path: string, maxFiles: number, from: 0 | 1): void {
  const fileOf = (number: number): string => (number === 0 ? path : `${path}.${String(number)}`);
  rmSync(fileOf(Math.max(maxFiles, from)), { force: true });
  for (let number = maxFiles - 1; number >= from; number--)
    ignoreError('ENOENT', () => renameSync(fileOf(number), fileOf(number + 1)));
}

function ignoreError(code: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  }
}
