/**
 * Synced writes to LevelDB, one after the other; what is asked for while one is under way goes into the next together.
 * After a write that failed there is no other, since what reached the disk is unknown.
 */
import type { ClassicLevel } from 'classic-level';
import { ClerkError, reasonOf } from '../../core/errors.js';
import { shown } from '../../core/shown.js';
import { sealed } from '../../core/seal.js';
import { entered, ledgerKey, struck, type Ledger } from './disk-records.js';

/** What becomes of a call's record and of what lies beside it. */
export interface Next {
  /** Its new text; undefined: it goes. */
  readonly text: string | undefined;
  /** What lies beside it, which the ledger does not count; undefined: it goes. */
  readonly beside?: { readonly key: string; readonly text: string | undefined };
}

/** A record, and what to do with it. */
export interface Change {
  readonly key: string;
  /**
   * Says by the record as it is when its turn has come, undefined where there is none, what becomes of it; undefined:
   * it stays. What was read before that may be old. Called at most once; must not throw, since others share the write.
   */
  readonly next: (now: string | undefined) => Next | undefined;
}

/** Changes that are written together or not at all. */
export interface Entry {
  readonly changes: readonly Change[];
  readonly forgottenTo?: number;
}

/** The records that were there before, in the order of the changes. */
export type Before = readonly (string | undefined)[];

interface Waiting {
  readonly entry: Entry;
  readonly resolve: (before: Before) => void;
  readonly reject: (error: ClerkError) => void;
}

/** See the file's header. */
export class GroupCommit {
  readonly #level: ClassicLevel;
  readonly #folder: string;
  #ledger: Ledger;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  /** Keys of records that came with the latest write. */
  readonly #added = new Set<string>();

  constructor(level: ClassicLevel, folder: string, ledger: Ledger) {
    this.#level = level;
    this.#folder = folder;
    this.#ledger = ledger;
  }

  /** Resolves when it is on the disk. @throws a `ClerkError` `CLOSED` when it is not, or may not be */
  write(entry: Entry): Promise<Before> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** @throws why the write failed that a record came with: where it can be read, it may be on the disk or not */
  assertWritten(key: string): void {
    if (this.#failure !== undefined && this.#added.has(key)) throw this.#failure;
  }

  /** When nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // What is asked for in this turn goes with it.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        if (this.#failure !== undefined) throw this.#failure;
        const before = await this.#write(group.map(({ entry }) => entry));
        group.forEach(({ resolve }, i) => resolve(before[i] as Before));
      } catch (error) {
        this.#failure ??= new ClerkError(
          'CLOSED',
          `Folder of calls ${shown(this.#folder)} could not be written, and nothing more is: ${reasonOf(error)}; make room or mend the disk, and start the service again`,
          { cause: error },
        );
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#flushing = undefined;
  }

  async #write(entries: readonly Entry[]): Promise<readonly Before[]> {
    this.#added.clear();
    const texts = await this.#texts(entries.flatMap(({ changes }) => changes.map(({ key }) => key)));
    const batch = this.#level.batch();
    let ledger = this.#ledger;
    const change = ({ key, next }: Change): string | undefined => {
      const before = texts.get(key);
      const after = next(before);
      if (after === undefined) return before;
      const { text, beside } = after;
      if (before !== undefined) ledger = struck(ledger, key, before);
      if (text !== undefined) ledger = entered(ledger, key, text);
      if (before === undefined && text !== undefined) this.#added.add(key);
      texts.set(key, text);
      put(batch, key, text);
      if (beside !== undefined) put(batch, beside.key, beside.text);
      return before;
    };
    const before = entries.map(({ changes }) => changes.map(change));
    const forgottenTo = Math.max(ledger.forgottenTo, ...entries.map((entry) => entry.forgottenTo ?? 0));
    if (batch.length === 0 && forgottenTo === ledger.forgottenTo) {
      await batch.close();
      return before;
    }
    ledger = { ...ledger, forgottenTo };
    batch.put(ledgerKey, sealed(ledgerKey, JSON.stringify(ledger)));
    await batch.write({ sync: true });
    this.#ledger = ledger;
    return before;
  }

  /** What is on the disk now; nobody else writes. */
  async #texts(keys: readonly string[]): Promise<Map<string, string | undefined>> {
    const found = await this.#level.getMany([...keys]);
    return new Map(keys.map((key, i) => [key, found[i]]));
  }
}

type Batch = ReturnType<ClassicLevel['batch']>;

function put(batch: Batch, key: string, text: string | undefined): void {
  if (text === undefined) batch.del(key);
  else batch.put(key, text);
}
