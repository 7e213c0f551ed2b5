import {
  constants,
  createReadStream,
  createWriteStream,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { open, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LogRotation } from '../core/processes.js';
import { diskSpace } from './log-disk-reserve.js';

const logTailBytes = 4_096;
/** Size up to which a log file is kept on an almost full disk, in bytes. */
const minLogBytes = 64 * 1024;

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

/**
 * Limits the size of a log file, and the space of all its files on an almost full disk.
 *
 * @param minFreeBytes - free space below which the disk counts as almost full
 * @see [C8.5](../../docs/guarantees.md#c8-5)
 */
export async function rotateLog(
  path: string,
  maxBytes: number,
  maxFiles: number,
  minFreeBytes?: number,
): Promise<LogRotation> {
  const { size } = await stat(path);
  let disk = await diskSpace(path, minFreeBytes);
  const isRemoved = disk.freeBytes < disk.reserve && (await removeEarlier(path, maxFiles));
  if (isRemoved) disk = await diskSpace(path, minFreeBytes);
  const isFull = disk.freeBytes < disk.reserve;
  if (size <= (isFull ? Math.min(minLogBytes, maxBytes) : maxBytes)) return isRemoved ? 'discarded' : 'kept';
  const isCopied =
    maxFiles > 0 &&
    disk.freeBytes >= size + disk.reserve &&
    (await copyToFirst(path, maxFiles, size > 2 * maxBytes ? size - maxBytes : 0, size));
  // Programs append to this file, so their next write starts at the new end.
  await truncate(path, 0);
  if (isCopied) return 'copied';
  if (maxFiles === 0 && !isFull) return 'emptied';
  // The disk is almost full, or the copy failed. The earlier files are removed to free space.
  await removeEarlier(path, maxFiles);
  return 'discarded';
}

/** Removes the earlier log files. Returns whether there was one. */
async function removeEarlier(path: string, maxFiles: number): Promise<boolean> {
  let isRemoved = false;
  for (let i = 1; i <= maxFiles; i++) {
    const isFound = await rm(`${path}.${String(i)}`).then(
      () => true,
      () => false,
    );
    isRemoved ||= isFound;
  }
  return isRemoved;
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
