import { resolve } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { ChecksumTally, withChecksum, verifyChecksum } from '../../core/checksum.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { openLeveldb, type LeveldbHost } from '../../core/open-leveldb.js';
import type { RecordChange, Store } from '../ports.js';
import { StoreLifecycle } from './store-lifecycle.js';

/**
 * Key under which the number and the checksum of all records are stored. The keys of records never begin with a null
 * character.
 */
const tallyKey = '\0census';

/**
 * A LevelDB store in a folder. A write is one atomic batch, synced to disk before the promise of `write` resolves.
 * After a failed write, every later write fails. Only one server at a time can open the folder. The store never returns
 * damaged data: `load` finds damaged and missing records by checksums.
 *
 * `load` creates the folder. `load` rejects with a {@link ClerkError}:
 *
 * - `CONFIG_INVALID` when the package `classic-level` is not installed, or the path is not a folder,
 * - `FORBIDDEN` when the path is a symbolic link, another user owns or can write to the folder, or another process uses
 *   the folder,
 * - `REGISTRY_INVALID` when a record is damaged or missing.
 *
 * @param folder - path of the folder, absolute or relative to the working directory
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 * @see [A23](../../../docs/guarantees.md#a23), [A24](../../../docs/guarantees.md#a24)
 */
export function leveldbStore(folder: string, host: LeveldbHost): Store {
  return new LevelDbStore(resolve(folder), host);
}

class LevelDbStore implements Store {
  readonly #folder: string;
  readonly #subject: string;
  readonly #host: LeveldbHost;
  readonly #lifecycle: StoreLifecycle;
  readonly #tally = new ChecksumTally();
  #level: ClassicLevel | undefined;
  #failure: ClerkError | undefined;

  constructor(folder: string, host: LeveldbHost) {
    this.#folder = folder;
    this.#subject = `Data folder ${quote(folder)}`;
    this.#host = host;
    this.#lifecycle = new StoreLifecycle(this.#subject);
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#lifecycle.beginLoad();
    const level = await openLeveldb(this.#folder, this.#subject, this.#host, (problem, cause) =>
      this.#damagedError(problem, cause),
    );
    try {
      const records = await this.#read(level);
      this.#level = level;
      return records;
    } catch (error) {
      await level.close().catch(() => undefined);
      throw error;
    }
  }

  async #read(level: ClassicLevel): Promise<Map<string, string>> {
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
        throw new ClerkError('CONFIG_INVALID', `${this.#subject} is not open; wait for load() first`);
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
      // The changes may or may not be on disk. Every later write must fail until the store is loaded again.
      this.#failure = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `${this.#subject} could not be written: ${errorMessage(error)}; the store is now read-only; free space on the disk or repair it, then restart the server`,
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
      `${this.#subject} ${problem}; restore the folder from a backup, or start with an empty folder`,
      { cause },
    );
  }
}
