/** Folders that hold what only their owner may see and change. */
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClerkError, errorMessage } from '../core/errors.js';
import { quote } from '../core/describe-value.js';

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
    await makeFolder(folder);
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `${what} ${quote(folder)} cannot be made: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
  const reject = (problem: string): never => {
    throw new ClerkError('FORBIDDEN', `${what} ${quote(folder)} ${problem}`);
  };
  const found = await lstat(folder);
  if (found.isSymbolicLink()) reject('is a symbolic link; give the folder itself');
  // There are no owners and modes to look at on Windows.
  if (process.getuid === undefined) return;
  if (found.uid !== process.getuid()) reject('belongs to another user; give a folder of its own');
  if ((found.mode & 0o022) !== 0)
    reject('can be written by others, who may have put anything into it; look into it, then chmod 700 it');
  if ((found.mode & 0o055) !== 0) await chmod(folder, 0o700);
}

/** Node's own way of making what is above it goes round for ever where nothing can be made, as in `/proc`. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && !(await lstat(folder)).isFile()) return;
    const parent = dirname(folder);
    const isThere = await lstat(parent).then(
      () => true,
      () => false,
    );
    if (code !== 'ENOENT' || isThere) throw error;
    await makeFolder(parent);
    await mkdir(folder, { mode: 0o700 });
  }
}
