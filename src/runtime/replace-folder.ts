import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { quote } from '../core/describe-value.js';
import { ClerkError, errorMessage } from '../core/errors.js';

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Calls `fill` with a temporary folder in the parent folder of `path`, then renames that folder to `path`. If `fill`
 * fails, `path` is unchanged.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when `path` exists and is not an empty folder
 */
export async function fillFolder<T>(
  path: string,
  suffix: string,
  fill: (temporaryPath: string) => Promise<T>,
): Promise<T> {
  const entries = await readdir(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new ClerkError('CONFIG_INVALID', `Folder ${quote(path)} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  });
  if (entries.length > 0)
    throw new ClerkError('CONFIG_INVALID', `Folder ${quote(path)} must be new or empty; choose another path`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporaryPath = join(dirname(path), `.${basename(path)}-${suffix}`);
  try {
    const result = await fill(temporaryPath);
    await rename(temporaryPath, path);
    return result;
  } catch (error) {
    await rm(temporaryPath, { recursive: true, force: true });
    throw error;
  }
}
