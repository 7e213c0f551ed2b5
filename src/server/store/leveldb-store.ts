/**
 * A store in a folder, kept by LevelDB. A write is one atomic batch and is synced before it resolves; after one that
 * failed there is no other. The folder belongs to the user of the server alone, one server at a time. Whatever is
 * damaged or missing is found when it is loaded and named; nothing damaged is ever served.
 *
 * This file is the door to the file system: the folder's owner and mode are checked here.
 *
 * @see promises C5.1, C5.7, A23, A24
 */
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { quote } from '../../core/describe-value.js';
import type { RecordChange, Store } from '../ports.js';
import { ChecksumTally, withChecksum, verifyChecksum } from '../../core/checksum.js';
import { StoreLifecycle } from './store-lifecycle.js';

/** The part of the package that is needed; it is optional, and loaded only when a folder is used. */
type Level = ClassicLevel;
type LevelModule = { readonly ClassicLevel: new (folder: string) => Level };

/** Number and checksum of the records; no key of a record begins like it. */
const tallyKey = '\0census';

/**
 * A store in a folder, which is made when it is not there. Nothing is touched before `load`, which rejects with
 *
 * - `CONFIG_INVALID` when the package `classic-level` is not installed, or what is there is no folder,
 * - `FORBIDDEN` when the folder is somebody else's, others may write into it, it is a symbolic link, or another server
 *   has it open,
 * - `REGISTRY_INVALID` when a record is damaged or some are missing.
 *
 * @param folder - where; relative to the working directory
 * @param load - brings in the package
 */
export function leveldbStore(
  folder: string,
  load: () => Promise<LevelModule> = () => import('classic-level'),
): Store {
  return new LevelDbStore(resolve(folder), load);
}

class LevelDbStore implements Store {
  readonly #folder: string;
  readonly #importModule: () => Promise<LevelModule>;
  readonly #lifecycle: StoreLifecycle;
  readonly #tally = new ChecksumTally();
  #level: Level | undefined;
  #failure: ClerkError | undefined;

  constructor(folder: string, load: () => Promise<LevelModule>) {
    this.#folder = folder;
    this.#importModule = load;
    this.#lifecycle = new StoreLifecycle(`Data folder ${quote(folder)}`);
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#lifecycle.beginLoad();
    const { ClassicLevel } = await this.#importModule().catch((error: unknown) => {
      throw new ClerkError(
        'CONFIG_INVALID',
        `Data folder ${quote(this.#folder)} needs the package 'classic-level', which could not be loaded; npm install classic-level`,
        { cause: error },
      );
    });
    await prepareFolder(this.#folder);
    const level = new ClassicLevel(this.#folder);
    await this.#open(level);
    try {
      const records = await this.#read(level);
      this.#level = level;
      return records;
    } catch (error) {
      await level.close().catch(() => undefined);
      throw error;
    }
  }

  async #open(level: Level): Promise<void> {
    try {
      await level.open();
    } catch (error) {
      const cause = (error as { cause?: unknown }).cause ?? error;
      if ((cause as { code?: unknown }).code === 'LEVEL_LOCKED')
        throw new ClerkError(
          'FORBIDDEN',
          `Data folder ${quote(this.#folder)} is in use by another server; stop that one, or give this one a folder of its own`,
          { cause },
        );
      throw this.#damagedError(`cannot be opened: ${errorMessage(cause)}`, cause);
    }
  }

  async #read(level: Level): Promise<Map<string, string>> {
    const records = new Map<string, string>();
    let storedTally: string | undefined;
    try {
      for await (const [key, text] of level.iterator()) {
        const value = verifyChecksum(key, text);
        if (value === undefined) throw this.#damagedError(`has a damaged record ${quote(key)}`);
        if (key === tallyKey) storedTally = value;
        else {
          records.set(key, value);
          this.#tally.put(key, value);
        }
      }
    } catch (error) {
      if (error instanceof ClerkError) throw error;
      throw this.#damagedError(`cannot be read: ${errorMessage(error)}`, error);
    }
    if (storedTally === undefined ? records.size > 0 : storedTally !== this.#tally.text)
      throw this.#damagedError(
        `has lost records: '${this.#tally.text}' are there and ${storedTally === undefined ? 'none' : `'${storedTally}'`} were written`,
      );
    return records;
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const endWrite = this.#lifecycle.beginWrite();
    try {
      // `load` has begun and is not over, or failed.
      if (this.#level === undefined)
        throw new ClerkError('CONFIG_INVALID', `Data folder ${quote(this.#folder)} is not open`);
      // A chained batch: a list would be copied and checked again for every record.
      const batch = this.#level.batch();
      for (const { key, value } of changes) {
        if (value === undefined) {
          this.#tally.remove(key);
          batch.del(key);
        } else {
          this.#tally.put(key, value);
          batch.put(key, withChecksum(key, value));
        }
      }
      batch.put(tallyKey, withChecksum(tallyKey, this.#tally.text));
      await batch.write({ sync: true });
    } catch (error) {
      // What reached the disk is unknown; only reading it again, at the next start, can tell.
      this.#failure = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `Data folder ${quote(this.#folder)} could not be written, and nothing more is: ${errorMessage(error)}; make room or mend the disk, and start the server again`,
        { cause: error },
      );
      throw this.#failure;
    } finally {
      endWrite();
    }
  }

  async close(): Promise<void> {
    if (this.#lifecycle.close()) await this.#level?.close();
  }

  #damagedError(problem: string, cause?: unknown): ClerkError {
    return new ClerkError(
      'REGISTRY_INVALID',
      `Data folder ${quote(this.#folder)} ${problem}; bring it back from a copy, or start with an empty folder`,
      cause === undefined ? {} : { cause },
    );
  }
}

/** Makes the folder, or looks whether the one that is there can be trusted. */
async function prepareFolder(folder: string): Promise<void> {
  const forbid = (problem: string): never => {
    throw new ClerkError('FORBIDDEN', `Data folder ${quote(folder)} ${problem}`);
  };
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `Data folder ${quote(folder)} cannot be made: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  const stats = await lstat(folder);
  if (stats.isSymbolicLink()) forbid('is a symbolic link; give the folder itself');
  // There are no owners and modes to look at on Windows.
  if (process.getuid === undefined) return;
  if (stats.uid !== process.getuid())
    forbid(
      `belongs to user ${String(stats.uid)} and the server runs as ${String(process.getuid())}; give a folder of its own`,
    );
  if ((stats.mode & 0o022) !== 0)
    forbid('can be written by others, who may have put anything into it; look into it, then chmod 700 it');
  if ((stats.mode & 0o055) !== 0) await chmod(folder, 0o700);
}

/** Makes a folder and what is missing above it. Node's own way goes round for ever where nothing can be made, as in `/proc`. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      if ((await lstat(folder)).isFile()) throw error;
      return;
    }
    const parent = dirname(folder);
    const parentExists = await lstat(parent).then(
      () => true,
      () => false,
    );
    if (code !== 'ENOENT' || parentExists) throw error;
    await makeFolder(parent);
    await mkdir(folder, { mode: 0o700 });
  }
}
