/**
 * Synced writes to LevelDB, one after the other; what is asked for while one is under way goes into the next together.
 * After a write that failed there is no other, since what reached the disk is unknown.
 */
import type { ClassicLevel } from 'classic-level';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import { quote } from '../../../core/describe-value.js';
import { withChecksum } from '../../../core/checksum.js';
import { addToTally, tallyKey, removeFromTally, type RecordTally } from './leveldb-records.js';

/** What becomes of a call's record and of what lies beside it. */
export interface KeyUpdate {
  /** Its new text; undefined: it goes. */
  readonly text: string | undefined;
  /** What lies beside it, which the ledger does not count; undefined: it goes. */
  readonly response?: { readonly key: string; readonly text: string | undefined };
}

/** A record, and what to do with it. */
export interface KeyChange {
  readonly key: string;
  /**
   * Says by the record as it is when its turn has come, undefined where there is none, what becomes of it; undefined:
   * it stays. What was read before that may be old. Called at most once; must not throw, since others share the write.
   */
  readonly update: (now: string | undefined) => KeyUpdate | undefined;
}

/** Changes that are written together or not at all. */
export interface ChangeSet {
  readonly changes: readonly KeyChange[];
  readonly expiredBefore?: number;
}

/** The records that were there before, in the order of the changes. */
export type PreviousValues = readonly (string | undefined)[];

interface PendingWrite {
  readonly changeSet: ChangeSet;
  readonly resolve: (before: PreviousValues) => void;
  readonly reject: (error: ClerkError) => void;
}

/** See the file's header. */
export class GroupCommit {
  readonly #level: ClassicLevel;
  readonly #folder: string;
  #tally: RecordTally;
  #pending: PendingWrite[] = [];
  #flushing: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  /** Keys of records that came with the latest write. */
  readonly #added = new Set<string>();

  constructor(level: ClassicLevel, folder: string, tally: RecordTally) {
    this.#level = level;
    this.#folder = folder;
    this.#tally = tally;
  }

  /** Resolves when it is on the disk. @throws a `ClerkError` `CLERK_CLOSED` when it is not, or may not be */
  write(entry: ChangeSet): Promise<PreviousValues> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending.push({ changeSet: entry, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** @throws why the write failed that a record came with: where it can be read, it may be on the disk or not */
  assertDurable(key: string): void {
    if (this.#failure !== undefined && this.#added.has(key)) throw this.#failure;
  }

  /** When nothing is under way any more. */
  async whenIdle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // What is asked for in this turn goes with it.
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
          `Folder of calls ${quote(this.#folder)} could not be written, and nothing more is: ${errorMessage(error)}; make room or mend the disk, and start the service again`,
          { cause: error },
        );
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#flushing = undefined;
  }

  async #write(entries: readonly ChangeSet[]): Promise<readonly PreviousValues[]> {
    this.#added.clear();
    const texts = await this.#readCurrent(entries.flatMap(({ changes }) => changes.map(({ key }) => key)));
    const batch = this.#level.batch();
    let tally = this.#tally;
    const change = ({ key, update }: KeyChange): string | undefined => {
      const before = texts.get(key);
      const after = update(before);
      if (after === undefined) return before;
      const { text, response } = after;
      if (before !== undefined) tally = removeFromTally(tally, key, before);
      if (text !== undefined) tally = addToTally(tally, key, text);
      if (before === undefined && text !== undefined) this.#added.add(key);
      texts.set(key, text);
      putOrDelete(batch, key, text);
      if (response !== undefined) putOrDelete(batch, response.key, response.text);
      return before;
    };
    const before = entries.map(({ changes }) => changes.map(change));
    const forgottenTo = Math.max(tally.expiredBefore, ...entries.map((entry) => entry.expiredBefore ?? 0));
    if (batch.length === 0 && forgottenTo === tally.expiredBefore) {
      await batch.close();
      return before;
    }
    tally = { ...tally, expiredBefore: forgottenTo };
    batch.put(tallyKey, withChecksum(tallyKey, JSON.stringify(tally)));
    await batch.write({ sync: true });
    this.#tally = tally;
    return before;
  }

  /** What is on the disk now; nobody else writes. */
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
