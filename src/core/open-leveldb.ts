import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from './errors.js';

/** Functions that {@link openLeveldb} needs from outside. */
export interface LeveldbHost {
  /** Imports the optional package `classic-level`. */
  readonly load: () => Promise<{ readonly ClassicLevel: new (folder: string) => ClassicLevel }>;
  /**
   * Creates a folder that only this user can access, or checks the access rights of an existing folder.
   *
   * @param subject - the folder, for error messages
   * @throws {@link ClerkError} `CONFIG_INVALID`, `FORBIDDEN` when the folder is not safe
   */
  readonly prepareFolder: (folder: string, subject: string) => Promise<void>;
}

/**
 * Opens LevelDB in a folder. Only one process at a time can open the folder.
 *
 * @param subject - the folder, for error messages, such as `Data folder '/var/lib/clerk'`
 * @param damagedError - creates the error for a folder that cannot be opened; `problem` continues a sentence about the
 *   folder
 * @throws {@link ClerkError} `CONFIG_INVALID` without the package `classic-level`; `FORBIDDEN` when another process
 *   uses the folder; the errors of `prepareFolder` and `damagedError`
 */
export async function openLeveldb(
  folder: string,
  subject: string,
  { load, prepareFolder }: LeveldbHost,
  damagedError: (problem: string, cause: unknown) => ClerkError,
): Promise<ClassicLevel> {
  const { ClassicLevel } = await load().catch((cause: unknown) => {
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} needs the package 'classic-level'; install it with npm install classic-level`,
      { cause },
    );
  });
  await prepareFolder(folder, subject);
  const level = new ClassicLevel(folder);
  try {
    await level.open();
    return level;
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    if ((cause as { code?: unknown }).code !== 'LEVEL_LOCKED')
      throw damagedError(`cannot be opened: ${errorMessage(cause)}`, cause);
    throw new ClerkError(
      'FORBIDDEN',
      `${subject} is in use by another process; stop that process, or use another folder`,
      { cause },
    );
  }
}
