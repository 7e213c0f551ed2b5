import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { quote } from '../../core/describe-value.js';
import type { RecordChange, Store } from '../ports.js';
import { ChecksumTally, withChecksum, verifyChecksum } from '../../core/checksum.js';
import { StoreLifecycle } from './store-lifecycle.js';

/** A LevelDB database. The optional package `classic-level` is imported only when a data folder is used. */
type Level = ClassicLevel;
type LevelModule = { readonly ClassicLevel: new (folder: string) => Level };

/**
 * Key under which the count and the checksum of all records are stored. The keys of records never begin with a null
 * character, so no record has this key.
 */
const tallyKey = '\0census';

/**
 * A LevelDB store in a folder. A write is one atomic batch. The batch is synced to disk before the promise of `write`
 * resolves. After a failed write, every later write fails. Only one server at a time can open the folder. `load` finds
 * damaged and missing records by checksums; the store never returns damaged data.
 *
 * `load` creates the folder. `load` rejects with a {@link ClerkError}:
 *
 * - `CONFIG_INVALID` when the package `classic-level` is not installed, or the path is not a folder,
 * - `FORBIDDEN` when another user owns or can write to the folder, when the path is a symbolic link, or when another
 *   server uses the folder,
 * - `REGISTRY_INVALID` when a record is damaged or missing.
 *
 * @param folder - path of the folder, absolute or relative to the working directory
 * @param load - imports the package `classic-level`
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 * @see [A23](../../../docs/guarantees.md#a23), [A24](../../../docs/guarantees.md#a24)
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
        `Data folder ${quote(this.#folder)} requires the package 'classic-level', which could not be loaded; run npm install classic-level`,
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
          `Data folder ${quote(this.#folder)} is in use by another server; stop that server, or use another folder`,
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
        if (value === undefined) throw this.#damagedError(`has the damaged record ${quote(key)}`);
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
        storedTally === undefined
          ? `has lost records: the record count and checksum are missing; those of the records found are '${this.#tally.text}'`
          : `has lost records: the stored record count and checksum are '${storedTally}'; those of the records found are '${this.#tally.text}'`,
      );
    return records;
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const endWrite = this.#lifecycle.beginWrite();
    try {
      // `#level` is undefined while `load` has not finished, and after `load` has failed.
      if (this.#level === undefined)
        throw new ClerkError(
          'CONFIG_INVALID',
          `Data folder ${quote(this.#folder)} is not open; wait for load() first`,
        );
      // A chained batch is used because `level.batch(array)` would copy and validate each record again.
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
      // Every later write must fail, because which changes reached the disk is unknown until the store is loaded again.
      this.#failure = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `Data folder ${quote(this.#folder)} could not be written: ${errorMessage(error)}; the store is now read-only; free or repair the disk, then restart the server`,
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
      `Data folder ${quote(this.#folder)} ${problem}; restore the folder from a backup, or start with an empty folder`,
      cause === undefined ? {} : { cause },
    );
  }
}

/**
 * Creates the data folder if the folder does not exist. Checks that only the user who runs the server can write to the
 * folder.
 */
async function prepareFolder(folder: string): Promise<void> {
  const forbid = (problem: string): never => {
    throw new ClerkError('FORBIDDEN', `Data folder ${quote(folder)} ${problem}`);
  };
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `Data folder ${quote(folder)} cannot be created: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  const stats = await lstat(folder);
  if (stats.isSymbolicLink()) forbid('must not be a symbolic link; use the path of the folder itself');
  // Windows has no file owners and modes to check.
  if (process.getuid === undefined) return;
  if (stats.uid !== process.getuid())
    forbid(
      `must be owned by user ${String(process.getuid())}, who runs the server; got user ${String(stats.uid)}; use another folder`,
    );
  if ((stats.mode & 0o022) !== 0)
    forbid(
      'must not be writable by other users; check the content of the folder, then run chmod 700 on the folder',
    );
  if ((stats.mode & 0o055) !== 0) await chmod(folder, 0o700);
}

/**
 * Creates a folder and its missing parents. Node's recursive `mkdir` is not used, because its promise never settles for
 * a path where no folder can be created, such as in `/proc`.
 */
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
