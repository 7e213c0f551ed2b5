import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { withChecksum } from '../../../core/checksum.js';
import { addToTally, tallyKey, removeFromTally, type RecordTally } from './leveldb-records.js';

export interface KeyUpdate {
  /** New text of the record; undefined to delete the record. */
  readonly text: string | undefined;
  /**
   * Change of the stored response; absent if the response does not change. An undefined `text` deletes the response.
   */
  readonly response?: { readonly key: string; readonly text: string | undefined };
}

export interface KeyChange {
  readonly key: string;
  /**
   * Computes the update from the current record, which may have changed since the caller read the record. Returns
   * undefined to leave the record unchanged. Called at most once. Must not throw, because other changes are part of the
   * same write.
   */
  readonly update: (current: string | undefined) => KeyUpdate | undefined;
}

/** The records before changes, in the order of the changes; undefined for a missing record. */
type PreviousValues = readonly (string | undefined)[];

interface PendingWrite {
  readonly changes: readonly KeyChange[];
  readonly expiredBefore: number;
  readonly resolve: (before: PreviousValues) => void;
  readonly reject: (error: ClerkError) => void;
}

/**
 * Writes changes to LevelDB in synced writes, one after the other. Changes that are requested during a write share the
 * next write. The changes of a failed write may or may not be on disk. After a failed write, no further write is made.
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
   * Writes changes together: all of them or none. Resolves with the records before the changes, once the changes are on
   * disk.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when a write has failed; the changes may be missing on disk
   */
  write(changes: readonly KeyChange[], expiredBefore = 0): Promise<PreviousValues> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending.push({ changes, expiredBefore, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Throws if the write that added `key` has failed, because the record may not be on disk. */
  assertDurable(key: string): void {
    if (this.#failure !== undefined && this.#added.has(key)) throw this.#failure;
  }

  async whenIdle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Changes that are requested at the same time share the first write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0);
      try {
        if (this.#failure !== undefined) throw this.#failure;
        const before = await this.#write(group);
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

  async #write(writes: readonly PendingWrite[]): Promise<readonly PreviousValues[]> {
    this.#added.clear();
    // The records cannot change before the write, because there is no other writer.
    const keys = writes.flatMap(({ changes }) => changes.map(({ key }) => key));
    const found = await this.#level.getMany(keys);
    const values = new Map(keys.map((key, i) => [key, found[i]]));
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
    const before = writes.map(({ changes }) => changes.map(change));
    const expiredBefore = Math.max(tally.expiredBefore, ...writes.map((write) => write.expiredBefore));
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
}

type Batch = ReturnType<ClassicLevel['batch']>;

function putOrDelete(batch: Batch, key: string, text: string | undefined): void {
  if (text === undefined) batch.del(key);
  else batch.put(key, text);
}
