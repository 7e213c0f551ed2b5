/** Opens a folder of calls, and finds what is damaged or missing in it before anything is believed. */
import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { verifyChecksum } from '../../../core/checksum.js';
import {
  callsEnd,
  addToTally,
  callsStart,
  tallyKey,
  decodeCall,
  type RecordTally,
} from './leveldb-records.js';

/** What a folder needs of the world. */
export interface LevelDbOptions {
  /** Brings in the package, which is optional. */
  readonly load: () => Promise<{ readonly ClassicLevel: new (folder: string) => ClassicLevel }>;
  /**
   * Makes a folder for this user alone, or looks whether the one that is there can be trusted.
   *
   * @throws a `ClerkError` `CONFIG_INVALID`, `FORBIDDEN`
   */
  readonly prepareFolder: (folder: string, what: string) => Promise<void>;
}

/** An open folder. */
export interface OpenLevelDb {
  readonly level: ClassicLevel;
  readonly tally: RecordTally;
}

/**
 * Opens it. Reads all records once, which takes about a second for each 300,000 calls within the window.
 *
 * @throws a `ClerkError` `CONFIG_INVALID`, `FORBIDDEN`
 */
export async function openLevelDb(
  path: string,
  { load, prepareFolder }: LevelDbOptions,
): Promise<OpenLevelDb> {
  const { ClassicLevel } = await load().catch((error: unknown) => {
    throw new ClerkError(
      'CONFIG_INVALID',
      "diskCalls() needs the package 'classic-level', which could not be loaded; npm install classic-level",
      { cause: error },
    );
  });
  await prepareFolder(path, 'Folder of calls');
  const level = new ClassicLevel(path);
  try {
    await level.open();
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    if ((cause as { code?: unknown }).code !== 'LEVEL_LOCKED')
      throw damagedError(path, `cannot be opened: ${errorMessage(cause)}`, cause);
    throw new ClerkError(
      'FORBIDDEN',
      `Folder of calls ${quote(path)} is in use by another process; give each process a folder of its own`,
      { cause },
    );
  }
  try {
    return { level, tally: await verifyTally(level, path) };
  } catch (error) {
    await level.close().catch(() => undefined);
    throw error;
  }
}

/** The ledger, compared with what is there. */
async function verifyTally(level: ClassicLevel, path: string): Promise<RecordTally> {
  let counted: RecordTally = { calls: 0, sum: 0, expiredBefore: 0 };
  let stored: string | undefined;
  try {
    for await (const [key, text] of level.iterator({ gte: callsStart, lt: callsEnd })) {
      if (decodeCall(key, text) === undefined) throw damagedError(path, 'has a damaged record');
      counted = addToTally(counted, key, text);
    }
    stored = await level.get(tallyKey);
  } catch (error) {
    if (error instanceof ClerkError) throw error;
    throw damagedError(path, `cannot be read: ${errorMessage(error)}`, error);
  }
  if (stored === undefined && counted.calls === 0) return counted;
  const text = stored === undefined ? undefined : verifyChecksum(tallyKey, stored);
  if (text === undefined) throw damagedError(path, 'has no ledger that can be read');
  const tally = JSON.parse(text) as RecordTally;
  if (tally.calls === counted.calls && tally.sum === counted.sum) return tally;
  throw damagedError(
    path,
    `has lost records: ${String(counted.calls)} calls are there and ${String(tally.calls)} were written`,
  );
}

function damagedError(path: string, what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `Folder of calls ${quote(path)} ${what}; calls that it knew could run twice, so begin with an empty folder only when no repeat of them can come any more`,
    cause === undefined ? {} : { cause },
  );
}
