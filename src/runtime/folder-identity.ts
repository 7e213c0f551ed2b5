import { stat, utimes } from 'node:fs/promises';

/**
 * Returns text that identifies a file: its inode number and, if the file system stores it, its time of creation. Unlike
 * the name and the content, neither is taken over by a copy. Inode numbers are used again after a file was removed, so
 * the number alone does not tell every copy. Returns undefined if the file cannot be read.
 */
export async function fileIdentity(path: string): Promise<string | undefined> {
  try {
    const { atime, mtime } = await stat(path);
    // Sets the time of the last change to now. Where the file system stores no time of creation, Node can return the
    // time of the last change instead.
    await utimes(path, atime, mtime).catch(() => undefined);
    const { ino, birthtimeNs, ctimeNs } = await stat(path, { bigint: true });
    const isBirthKnown = birthtimeNs > 0n && birthtimeNs !== ctimeNs;
    return isBirthKnown ? `${String(ino)}@${String(birthtimeNs)}` : String(ino);
  } catch {
    return undefined;
  }
}
