import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { withChecksum } from '../../../core/checksum.js';
import { addToTally, tallyKey, removeFromTally, type RecordTally } from './leveldb-records.js';

/** The new value of a call's record and of its response. */
export interface KeyUpdate {
  /** New value; undefined deletes the record. */
  readonly text: string | undefined;
  /** The response, which the tally does not count; undefined deletes it. */
  readonly response?: { readonly key: string; readonly text: string | undefined };
}

/** A record and its change. */
export interface KeyChange {
  readonly key: string;
  /**
   * Returns the update for the value that is current when the change is written; undefined leaves it
   * unchanged. An earlier read may be outdated by then. Called at most once; must not throw, since other
   * changes share the write.
   */
  readonly update: (current: string | undefined) => KeyUpdate | undefined;
}

/** Changes that are written atomically. */
export interface ChangeSet {
  readonly changes: readonly KeyChange[];
  readonly expiredBefore?: number;
}

/** The values before the changes, in the same order. */
export type PreviousValues = readonly (string | undefined)[];

interface PendingWrite {
  readonly changeSet: ChangeSet;
  readonly resolve: (before: PreviousValues) => void;
  readonly reject: (error: ClerkError) => void;
}

/**
 * Synced writes to LevelDB, one after the other. Changes requested during a write share the next one. After a
 * failed write no other is made, since what reached the disk is unknown.
 */
export class GroupCommit {
  readonly #level: ClassicLevel;
  readonly #folder: string;
  #tally: RecordTally;
  #pending: PendingWrite[] = [];
  #flushing: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  /** Keys added by the latest write. */
  readonly #added = new Set<string>();

  constructor(level: ClassicLevel, folder: string, tally: RecordTally) {
    this.#level = level;
    this.#folder = folder;
    this.#tally = tally;
  }

  /**
   * Resolves when the changes are on disk. @throws {@link ClerkError} `CLERK_CLOSED` when they are not, or
   * may not be
   */
  write(changeSet: ChangeSet): Promise<PreviousValues> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending.push({ changeSet, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Throws the write error when the write that added the key failed: the key may be on disk or not. */
  assertDurable(key: string): void {
    if (this.#failure !== undefined && this.#added.has(key)) throw this.#failure;
  }

  /** Resolves when no write is in progress. */
  async whenIdle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Changes requested in this turn share the write.
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
          `Folder ${quote(this.#folder)} of diskCalls() could not be written; no more calls are accepted: ${errorMessage(error)}. Free space or repair the disk, then restart the service`,
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

  /** Current values on disk; there is no other writer. */
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
