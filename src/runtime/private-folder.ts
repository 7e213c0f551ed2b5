import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClerkError, errorMessage } from '../core/errors.js';

/**
 * Creates a folder that only this user can access, and its missing parent folders. For an existing folder, checks the
 * owner and removes the access of other users.
 *
 * @param subject - subject of error messages, such as `Data folder '/var/lib/clerk'`
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder cannot be created
 * @throws {@link ClerkError} `FORBIDDEN` when the folder is a symbolic link, belongs to another user, or is writable
 * by other users
 * @see [A23](../../docs/guarantees.md#a23)
 */
export async function privateFolder(folder: string, subject: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} cannot be created: ${errorMessage(error)}; check the path and the permissions of the parent folder`,
      { cause: error },
    );
  }
  const reject = (problem: string): never => {
    throw new ClerkError('FORBIDDEN', `${subject} ${problem}`);
  };
  const found = await lstat(folder);
  if (found.isSymbolicLink()) reject('must not be a symbolic link; use the folder that the link points to');
  // On Windows, a folder has no numeric owner and no mode.
  if (process.getuid === undefined) return;
  if (found.uid !== process.getuid())
    reject(
      `must be owned by user ${ownerName(process.getuid())}, who runs this process; got user ${ownerName(found.uid)}. Use another folder, or change the owner: sudo chown -R ${process.getuid()} ${shellQuote(folder)}`,
    );
  if ((found.mode & 0o022) !== 0)
    reject(
      'must not be writable by other users; check the contents of the folder, then run chmod 700 on the folder',
    );
  if ((found.mode & 0o055) !== 0) await chmod(folder, 0o700);
}

/**
 * Creates missing parent folders one by one. Node's recursive `mkdir` never ends where no folder can be created, as in
 * `/proc`.
 */
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

export function ownerName(uid: number): string {
  return uid === 0 ? '0 (root)' : String(uid);
}

export function shellQuote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
