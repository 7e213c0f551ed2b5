import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClerkError, errorMessage } from '../core/errors.js';

export const lockName = 'lock';

export function lockFileOf(path: string): string {
  return join(path, lockName, 'LOCK');
}

/**
 * Locks a folder for this process until the returned function is called or the process ends. The lock is the file lock
 * of an empty LevelDB database, because Node itself has no file locks.
 *
 * @param subject - subject of error messages, such as `Data folder '/var/lib/clerk'`
 * @throws {@link ClerkError} `CONFIG_INVALID` when the package `classic-level` cannot be loaded, or the lock cannot be
 * created
 * @throws {@link ClerkError} `FORBIDDEN` when another process has the lock
 */
export async function lockFolder(path: string, subject: string): Promise<() => Promise<void>> {
  const { ClassicLevel } = await import('classic-level').catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    const problem =
      code === 'ERR_MODULE_NOT_FOUND'
        ? `needs the package 'classic-level'; install it with npm install classic-level`
        : `cannot load the package 'classic-level': ${errorMessage(cause)}; see docs/surroundings.md for bundles and permissions`;
    throw new ClerkError('CONFIG_INVALID', `${subject} ${problem}`, { cause });
  });
  const folder = join(path, lockName);
  const tryLock = async (): Promise<() => Promise<void>> => {
    const level = new ClassicLevel(folder);
    await level.open();
    return () => level.close();
  };
  try {
    return await tryLock();
  } catch (error) {
    checkLocked(error, subject);
  }
  // The database contains no data, so its files can be removed after damage. The file LOCK is not removed, because the
  // operating system locks this file.
  for (const name of await readdir(folder).catch(() => []))
    if (name !== 'LOCK') await rm(join(folder, name), { force: true, recursive: true });
  try {
    return await tryLock();
  } catch (error) {
    checkLocked(error, subject);
    const cause = causeOf(error);
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} cannot be locked: ${errorMessage(cause)}; check the disk and the permissions of the folder`,
      { cause },
    );
  }
}

function checkLocked(error: unknown, subject: string): void {
  const cause = causeOf(error);
  if ((cause as { code?: unknown }).code === 'LEVEL_LOCKED')
    throw new ClerkError(
      'FORBIDDEN',
      `${subject} is in use by another process; stop that process, or use another folder`,
      { cause },
    );
}

function causeOf(error: unknown): unknown {
  return (error as { cause?: unknown }).cause ?? error;
}
