import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Disk space that logs leave free for the data of the registry, in bytes. On a small disk, a quarter of the disk. */
const reservedBytes = 64 * 1024 * 1024;

/**
 * Returns the free space of the disk of a log file, and the part of it that logs leave free, in bytes.
 *
 * @param minFreeBytes - used in place of the reserve
 * @see [C8.5](../../docs/guarantees.md#c8-5)
 */
export async function diskSpace(
  path: string,
  minFreeBytes: number | undefined,
): Promise<{ readonly freeBytes: number; readonly reserve: number }> {
  const { bavail, blocks, bsize } = await statfs(dirname(path));
  return {
    freeBytes: bavail * bsize,
    reserve: minFreeBytes ?? Math.min(reservedBytes, (blocks * bsize) / 4),
  };
}
