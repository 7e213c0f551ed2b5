/** Folders that hold what only their owner may see and change. */
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClerkError, reasonOf } from '../core/errors.js';
import { shown } from '../core/shown.js';

/**
 * Makes a folder for this user alone, with what is missing above it, or looks whether the one that is there can be
 * trusted.
 *
 * @param what - what messages call it
 * @throws a `ClerkError`: `CONFIG_INVALID` where no folder can be made; `FORBIDDEN` where it is a symbolic link,
 * somebody else's, or can be written by others
 * @see promises A23
 */
export async function privateFolder(folder: string, what: string): Promise<void> {
  try {
    await make(folder);
  } catch (error) {
    throw new ClerkError('CONFIG_INVALID', `${what} ${shown(folder)} cannot be made: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  const refuse = (why: string): never => {
    throw new ClerkError('FORBIDDEN', `${what} ${shown(folder)} ${why}`);
  };
  const found = await lstat(folder);
  if (found.isSymbolicLink()) refuse('is a symbolic link; give the folder itself');
  // There are no owners and modes to look at on Windows.
  if (process.getuid === undefined) return;
  if (found.uid !== process.getuid()) refuse('belongs to another user; give a folder of its own');
  if ((found.mode & 0o022) !== 0)
    refuse('can be written by others, who may have put anything into it; look into it, then chmod 700 it');
  if ((found.mode & 0o055) !== 0) await chmod(folder, 0o700);
}

/** Node's own way of making what is above it goes round for ever where nothing can be made, as in `/proc`. */
async function make(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && !(await lstat(folder)).isFile()) return;
    const above = dirname(folder);
    const isThere = await lstat(above).then(
      () => true,
      () => false,
    );
    if (code !== 'ENOENT' || isThere) throw error;
    await make(above);
    await mkdir(folder, { mode: 0o700 });
  }
}
