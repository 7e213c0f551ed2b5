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
import { ClerkError, reasonOf } from '../../core/errors.js';
import { shown } from '../../core/shown.js';
import type { RecordChange, Store } from '../ports.js';
import { Census, sealed, unsealed } from '../../core/seal.js';
import { Turns } from './turns.js';

/** The part of the package that is needed; it is optional, and loaded only when a folder is used. */
type Level = ClassicLevel;
type LevelModule = { readonly ClassicLevel: new (folder: string) => Level };

/** Number and checksum of the records; no key of a record begins like it. */
const censusKey = '\0census';

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
export function diskStore(
  folder: string,
  load: () => Promise<LevelModule> = () => import('classic-level'),
): Store {
  return new DiskStore(resolve(folder), load);
}

class DiskStore implements Store {
  readonly #folder: string;
  readonly #import: () => Promise<LevelModule>;
  readonly #turns: Turns;
  readonly #census = new Census();
  #level: Level | undefined;
  #failure: ClerkError | undefined;

  constructor(folder: string, load: () => Promise<LevelModule>) {
    this.#folder = folder;
    this.#import = load;
    this.#turns = new Turns(`Data folder ${shown(folder)}`);
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#turns.load();
    const { ClassicLevel } = await this.#import().catch((error: unknown) => {
      throw new ClerkError(
        'CONFIG_INVALID',
        `Data folder ${shown(this.#folder)} needs the package 'classic-level', which could not be loaded; npm install classic-level`,
        { cause: error },
      );
    });
    await prepare(this.#folder);
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
          `Data folder ${shown(this.#folder)} is in use by another server; stop that one, or give this one a folder of its own`,
          { cause },
        );
      throw this.#damaged(`cannot be opened: ${reasonOf(cause)}`, cause);
    }
  }

  async #read(level: Level): Promise<Map<string, string>> {
    const records = new Map<string, string>();
    let census: string | undefined;
    try {
      for await (const [key, text] of level.iterator()) {
        const value = unsealed(key, text);
        if (value === undefined) throw this.#damaged(`has a damaged record ${shown(key)}`);
        if (key === censusKey) census = value;
        else {
          records.set(key, value);
          this.#census.put(key, value);
        }
      }
    } catch (error) {
      if (error instanceof ClerkError) throw error;
      throw this.#damaged(`cannot be read: ${reasonOf(error)}`, error);
    }
    if (census === undefined ? records.size > 0 : census !== this.#census.text)
      throw this.#damaged(
        `has lost records: '${this.#census.text}' are there and ${census === undefined ? 'none' : `'${census}'`} were written`,
      );
    return records;
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const done = this.#turns.write();
    try {
      // `load` has begun and is not over, or failed.
      if (this.#level === undefined)
        throw new ClerkError('CONFIG_INVALID', `Data folder ${shown(this.#folder)} is not open`);
      // A chained batch: a list would be copied and checked again for every record.
      const batch = this.#level.batch();
      for (const { key, value } of changes) {
        if (value === undefined) {
          this.#census.remove(key);
          batch.del(key);
        } else {
          this.#census.put(key, value);
          batch.put(key, sealed(key, value));
        }
      }
      batch.put(censusKey, sealed(censusKey, this.#census.text));
      await batch.write({ sync: true });
    } catch (error) {
      // What reached the disk is unknown; only reading it again, at the next start, can tell.
      this.#failure = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `Data folder ${shown(this.#folder)} could not be written, and nothing more is: ${reasonOf(error)}; make room or mend the disk, and start the server again`,
        { cause: error },
      );
      throw this.#failure;
    } finally {
      done();
    }
  }

  async close(): Promise<void> {
    if (this.#turns.close()) await this.#level?.close();
  }

  #damaged(what: string, cause?: unknown): ClerkError {
    return new ClerkError(
      'REGISTRY_INVALID',
      `Data folder ${shown(this.#folder)} ${what}; bring it back from a copy, or start with an empty folder`,
      cause === undefined ? {} : { cause },
    );
  }
}

/** Makes the folder, or looks whether the one that is there can be trusted. */
async function prepare(folder: string): Promise<void> {
  const refuse = (why: string): never => {
    throw new ClerkError('FORBIDDEN', `Data folder ${shown(folder)} ${why}`);
  };
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `Data folder ${shown(folder)} cannot be made: ${reasonOf(error)}`,
      { cause: error },
    );
  }
  const found = await lstat(folder);
  if (found.isSymbolicLink()) refuse('is a symbolic link; give the folder itself');
  // There are no owners and modes to look at on Windows.
  if (process.getuid === undefined) return;
  if (found.uid !== process.getuid())
    refuse(
      `belongs to user ${String(found.uid)} and the server runs as ${String(process.getuid())}; give a folder of its own`,
    );
  if ((found.mode & 0o022) !== 0)
    refuse('can be written by others, who may have put anything into it; look into it, then chmod 700 it');
  if ((found.mode & 0o055) !== 0) await chmod(folder, 0o700);
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
    const above = dirname(folder);
    const isThere = await lstat(above).then(
      () => true,
      () => false,
    );
    if (code !== 'ENOENT' || isThere) throw error;
    await makeFolder(above);
    await mkdir(folder, { mode: 0o700 });
  }
}
