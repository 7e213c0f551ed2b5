import { stat, utimes } from 'node:fs/promises';

/**
 * Returns text that identifies a file: the inode number and, if available, the creation time. A copy of the file has
 * another identity. The creation time is needed because the system reuses inode numbers. Returns undefined if the
 * file cannot be read.
 */
export async function fileIdentity(path: string): Promise<string | undefined> {
  try {
    const { atime, mtime } = await stat(path);
    // `utimes` sets `ctime`. Without a stored creation time, Node returns `ctime` as `birthtime`, so both are equal.
    await utimes(path, atime, mtime).catch(() => undefined);
    const { ino, birthtimeNs, ctimeNs } = await stat(path, { bigint: true });
    const isBirthKnown = birthtimeNs > 0n && birthtimeNs !== ctimeNs;
    return isBirthKnown ? `${String(ino)}@${String(birthtimeNs)}` : String(ino);
  } catch {
    return undefined;
  }
}
