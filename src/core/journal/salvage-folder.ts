import type { DataFolder, OpenDataFolder } from '../data-folder.js';
import { ClerkError, type ClerkErrorCode } from '../errors.js';
import { JournalDamage } from './journal-reader.js';
import { salvageJournal, type SalvagedJournal, type SalvageVisitor } from './journal-salvage.js';

export interface SalvageHost {
  readonly openFolder: OpenDataFolder;
  /** Creates a folder with the files that `fill` writes to a temporary path. */
  readonly fillFolder: (
    path: string,
    suffix: string,
    fill: (temporaryPath: string) => Promise<void>,
  ) => Promise<void>;
  readonly randomHex: (bytes: number) => string;
}

/**
 * @param subject - the folder, for error messages
 * @throws {@link ClerkError} `code` when the folder contains no readable journal
 */
export async function readSalvage<V extends SalvageVisitor>(
  { openFolder }: SalvageHost,
  path: string,
  subject: string,
  code: ClerkErrorCode,
  createVisitor: () => V,
): Promise<SalvagedJournal<V>> {
  const folder = await openFolder(path, subject);
  try {
    return await salvageJournal(folder, createVisitor);
  } catch (error) {
    if (!(error instanceof JournalDamage)) throw error;
    throw new ClerkError(code, `${subject} ${error.message}`, { cause: error });
  } finally {
    await folder.close();
  }
}

export function writeSalvage(
  { openFolder, fillFolder, randomHex }: SalvageHost,
  path: string,
  subject: string,
  write: (folder: DataFolder) => Promise<void>,
): Promise<void> {
  return fillFolder(path, randomHex(4), async (temporaryPath) => {
    const folder = await openFolder(temporaryPath, subject);
    try {
      await write(folder);
    } finally {
      await folder.close();
    }
  });
}
