import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { withChecksum } from '../../../core/checksum.js';
import { addToTally, tallyKey, removeFromTally, type RecordTally } from './leveldb-records.js';

/** The new values of a call's record and of its response. */
export interface KeyUpdate {
  /** New value of the record; undefined deletes the record. */
  readonly text: string | undefined;
  /** New value of the response; a `text` of undefined deletes the response. Absent if the response does not change. */
  readonly response?: { readonly key: string; readonly text: string | undefined };
}

/** A change of one record. */
export interface KeyChange {
  readonly key: string;
  /**
   * Computes the update from the record that is current when the change is written. A record that the caller read
   * before may be outdated by then. Returns undefined to leave the record unchanged. Called at most once. Must not
   * throw, because other changes are part of the same write.
   */
  readonly update: (current: string | undefined) => KeyUpdate | undefined;
}

/** Changes that are written together: all of them or none. */
export interface ChangeSet {
  readonly changes: readonly KeyChange[];
  readonly expiredBefore?: number;
}

/**
 * The records before the changes of a {@link ChangeSet}, in the order of the changes; undefined for a missing record.
 */
export type PreviousValues = readonly (string | undefined)[];

interface PendingWrite {
  readonly changeSet: ChangeSet;
  readonly resolve: (before: PreviousValues) => void;
  readonly reject: (error: ClerkError) => void;
}

/**
 * Writes changes to LevelDB, one synced write after the other. Changes that are requested during a write share the
 * next write. After a failed write no further write is made, because the changes of the failed write may or may not
 * be on disk.
 */
export class GroupCommit {
  readonly #level: ClassicLevel;
  readonly #folder: string;
  #tally: RecordTally;
  #pending: PendingWrite[] = [];
  #flushing: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  /** Keys of the records that the latest write has added. */
  readonly #added = new Set<string>();

  constructor(level: ClassicLevel, folder: string, tally: RecordTally) {
    this.#level = level;
    this.#folder = folder;
    this.#tally = tally;
  }

  /**
   * Writes changes. Resolves when the changes are on disk.
   *
   * @returns the records before the changes
   * @throws {@link ClerkError} `CLERK_CLOSED` when the changes are not, or may not be, on disk
   */
  write(changeSet: ChangeSet): Promise<PreviousValues> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending.push({ changeSet, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Throws the error of the failed write if that write added `key`, because the record may not be on disk. */
  assertDurable(key: string): void {
    if (this.#failure !== undefined && this.#added.has(key)) throw this.#failure;
  }

  /** Resolves when no write is in progress. */
  async whenIdle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Waits for one microtask, so that changes that are requested at the same time share the first write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0);
      try {
        if (this.#failure !== undefined) throw this.#failure;
        const before = await this.#write(group.map(({ changeSet }) => changeSet));
        group.forEach(({ resolve }, i) => resolve(before[i] as PreviousValues));
      } catch (error) {
        this.#failure ??= new ClerkError(
          'CLERK_CLOSED',
          `Folder ${quote(this.#folder)} of diskCalls() could not be written, so no more calls are accepted: ${errorMessage(error)}. Free space or repair the disk, then restart the service`,
          { cause: error },
        );
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#flushing = undefined;
  }

  async #write(changeSets: readonly ChangeSet[]): Promise<readonly PreviousValues[]> {
    this.#added.clear();
    const values = await this.#readCurrent(
      changeSets.flatMap(({ changes }) => changes.map(({ key }) => key)),
    );
    const batch = this.#level.batch();
    let tally = this.#tally;
    const change = ({ key, update }: KeyChange): string | undefined => {
      const before = values.get(key);
      const after = update(before);
      if (after === undefined) return before;
      const { text, response } = after;
      if (before !== undefined) tally = removeFromTally(tally, key, before);
      if (text !== undefined) tally = addToTally(tally, key, text);
      if (before === undefined && text !== undefined) this.#added.add(key);
      values.set(key, text);
      putOrDelete(batch, key, text);
      if (response !== undefined) putOrDelete(batch, response.key, response.text);
      return before;
    };
    const before = changeSets.map(({ changes }) => changes.map(change));
    const expiredBefore = Math.max(
      tally.expiredBefore,
      ...changeSets.map((changeSet) => changeSet.expiredBefore ?? 0),
    );
    if (batch.length === 0 && expiredBefore === tally.expiredBefore) {
      await batch.close();
      return before;
    }
    tally = { ...tally, expiredBefore };
    batch.put(tallyKey, withChecksum(tallyKey, JSON.stringify(tally)));
    await batch.write({ sync: true });
    this.#tally = tally;
    return before;
  }

  /**
   * Reads the current records of the keys. The records stay current until the write, because there is no other writer.
   */
  async #readCurrent(keys: readonly string[]): Promise<Map<string, string | undefined>> {
    const found = await this.#level.getMany([...keys]);
    return new Map(keys.map((key, i) => [key, found[i]]));
  }
}

type Batch = ReturnType<ClassicLevel['batch']>;

function putOrDelete(batch: Batch, key: string, text: string | undefined): void {
  if (text === undefined) batch.del(key);
  else batch.put(key, text);
}
