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
export interface Change {
  readonly key: string;
  /** Its new text; undefined: it goes. */
  readonly after: string | undefined;
  /** What lies beside it, which the ledger does not count; undefined: it goes. */
  readonly beside?: { readonly key: string; readonly text: string | undefined };
  /** Nothing is done where the record is not there any more. */
  readonly mustBeThere?: boolean;
}

/** Changes that are written together or not at all. */
export interface Entry {
  readonly changes: readonly Change[];
  readonly forgottenTo?: number;
}

interface Waiting {
  readonly entry: Entry;
  readonly resolve: () => void;
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

  constructor(level: ClassicLevel, folder: string, ledger: Ledger) {
    this.#level = level;
    this.#folder = folder;
    this.#ledger = ledger;
  }

  /** Resolves when it is on the disk. @throws a `ClerkError` `CLOSED` when it is not, or may not be */
  write(entry: Entry): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#flushing ??= this.#flush();
    });
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
        await this.#write(group.map(({ entry }) => entry));
        for (const { resolve } of group) resolve();
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

  async #write(entries: readonly Entry[]): Promise<void> {
    const changes = entries.flatMap((entry) => entry.changes);
    const texts = await this.#texts(changes.map(({ key }) => key));
    const batch = this.#level.batch();
    let ledger = this.#ledger;
    for (const { key, after, beside, mustBeThere } of changes) {
      const before = texts.get(key);
      if (mustBeThere === true && before === undefined) continue;
      if (before !== undefined) ledger = struck(ledger, key, before);
      if (after !== undefined) ledger = entered(ledger, key, after);
      texts.set(key, after);
      put(batch, key, after);
      if (beside !== undefined) put(batch, beside.key, beside.text);
    }
    const forgottenTo = Math.max(ledger.forgottenTo, ...entries.map((entry) => entry.forgottenTo ?? 0));
    ledger = { ...ledger, forgottenTo };
    batch.put(ledgerKey, sealed(ledgerKey, JSON.stringify(ledger)));
    await batch.write({ sync: true });
    this.#ledger = ledger;
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
