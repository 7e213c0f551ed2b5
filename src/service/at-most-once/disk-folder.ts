/** Opens a folder of calls, and finds what is damaged or missing in it before anything is believed. */
import type { ClassicLevel } from 'classic-level';
import { ClerkError, reasonOf } from '../../core/errors.js';
import { shown } from '../../core/shown.js';
import { unsealed } from '../../core/seal.js';
import { afterCalls, entered, firstCall, ledgerKey, readCall, type Ledger } from './disk-records.js';

/** What a folder needs of the world. */
export interface FolderDoors {
  /** Brings in the package, which is optional. */
  readonly load: () => Promise<{ readonly ClassicLevel: new (folder: string) => ClassicLevel }>;
  /**
   * Makes a folder for this user alone, or looks whether the one that is there can be trusted.
   *
   * @throws a `ClerkError` `CONFIG_INVALID`, `FORBIDDEN`
   */
  readonly prepare: (folder: string, what: string) => Promise<void>;
}

/** An open folder. */
export interface Folder {
  readonly level: ClassicLevel;
  readonly ledger: Ledger;
}

/**
 * Opens it. Reads all records once, which takes about a second for each 300,000 calls within the window.
 *
 * @throws a `ClerkError` `CONFIG_INVALID`, `FORBIDDEN`
 */
export async function openFolder(path: string, { load, prepare }: FolderDoors): Promise<Folder> {
  const { ClassicLevel } = await load().catch((error: unknown) => {
    throw new ClerkError(
      'CONFIG_INVALID',
      "diskCalls() needs the package 'classic-level', which could not be loaded; npm install classic-level",
      { cause: error },
    );
  });
  await prepare(path, 'Folder of calls');
  const level = new ClassicLevel(path);
  try {
    await level.open();
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    if ((cause as { code?: unknown }).code !== 'LEVEL_LOCKED')
      throw damaged(path, `cannot be opened: ${reasonOf(cause)}`, cause);
    throw new ClerkError(
      'FORBIDDEN',
      `Folder of calls ${shown(path)} is in use by another process; give each process a folder of its own`,
      { cause },
    );
  }
  try {
    return { level, ledger: await checkedLedger(level, path) };
  } catch (error) {
    await level.close().catch(() => undefined);
    throw error;
  }
}

/** The ledger, compared with what is there. */
async function checkedLedger(level: ClassicLevel, path: string): Promise<Ledger> {
  let found: Ledger = { calls: 0, sum: 0, forgottenTo: 0 };
  let written: string | undefined;
  try {
    for await (const [key, text] of level.iterator({ gte: firstCall, lt: afterCalls })) {
      if (readCall(key, text) === undefined) throw damaged(path, 'has a damaged record');
      found = entered(found, key, text);
    }
    written = await level.get(ledgerKey);
  } catch (error) {
    if (error instanceof ClerkError) throw error;
    throw damaged(path, `cannot be read: ${reasonOf(error)}`, error);
  }
  if (written === undefined && found.calls === 0) return found;
  const text = written === undefined ? undefined : unsealed(ledgerKey, written);
  if (text === undefined) throw damaged(path, 'has no ledger that can be read');
  const ledger = JSON.parse(text) as Ledger;
  if (ledger.calls === found.calls && ledger.sum === found.sum) return ledger;
  throw damaged(
    path,
    `has lost records: ${String(found.calls)} calls are there and ${String(ledger.calls)} were written`,
  );
}

function damaged(path: string, what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `Folder of calls ${shown(path)} ${what}; calls that it knew could run twice, so begin with an empty folder only when no repeat of them can come any more`,
    cause === undefined ? {} : { cause },
  );
}
