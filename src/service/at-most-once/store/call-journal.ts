import type { DataFolder, OpenDataFolder } from '../../../core/data-folder.js';
import { quote } from '../../../core/describe-value.js';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import { JournalDamage } from '../../../core/journal/journal-reader.js';
import { Journal } from '../../../core/journal/journal.js';
import { decodeEntries, encodeEntries, type CallEntry, type EntryOfCall } from './call-entries.js';
import { CallIndex, type CallState } from './call-index.js';
import { GroupCommit } from './group-commit.js';

export interface CallJournalOptions {
  readonly openFolder: OpenDataFolder;
  readonly randomHex: (bytes: number) => string;
  /** Size at which a new file begins; below 4 GiB. Default 64 MiB. */
  readonly maxFileBytes?: number;
}

export interface CallChange {
  /** Undefined if the change does not concern a single call. */
  readonly id: string | undefined;
  /**
   * Returns the entry to store, or undefined to store nothing. `state` is the state of the call after all earlier
   * changes. Must not throw.
   */
  readonly plan: (state: CallState | undefined) => CallEntry | undefined;
}

export interface PlannedChange {
  readonly before: CallState | undefined;
  readonly isStored: boolean;
}

const defaultMaxFileBytes = 64 * 1024 * 1024;
/** Free space that the disk must have before the first write after a failed write, in bytes. */
const minFreeBytes = 64 * 1024;

export const readme = `This folder contains the calls that a service has run, as stored by diskCalls() of binding-clerk.
Each file is needed, and no file may be edited. Without these records, calls could run twice.
When the service refuses the folder as damaged: clerk salvage THIS-FOLDER --to NEW-FOLDER
`;

export class CallJournal {
  readonly index = new CallIndex();
  readonly #folder: DataFolder;
  readonly #maxFileBytes: number;
  readonly #commit: GroupCommit<CallChange, PlannedChange>;
  #journal!: Journal;
  /** Whether the last write has failed, and may have left a part of its batch in the file. */
  #hasFailed = false;

  private constructor(path: string, folder: DataFolder, { maxFileBytes }: CallJournalOptions) {
    this.#folder = folder;
    this.#maxFileBytes = maxFileBytes ?? defaultMaxFileBytes;
    this.#commit = new GroupCommit(path, (changes) => this.#write(changes));
  }

  /** Size of the present files, in bytes. Each file before the last one counts as `maxFileBytes`. */
  get sizeBytes(): number {
    const { base, end } = this.#journal;
    return (end.number - base) * this.#maxFileBytes + end.offset;
  }

  static async open(path: string, options: CallJournalOptions): Promise<CallJournal> {
    const subject = `Folder ${quote(path)} of diskCalls()`;
    const folder = await options.openFolder(path, subject);
    const opened = new CallJournal(path, folder, options);
    const { index } = opened;
    try {
      const { journal } = await Journal.open(
        folder,
        { content: 'calls', randomHex: options.randomHex, readme },
        {
          onHeader: ({ carried }) =>
            index.apply({ kind: 'expire', before: carried }, { number: 0, offset: 0 }),
          onCheckpoint: () => undefined,
          onBatch: ({ payload, offset }, number) => {
            for (const entry of decodeEntries(payload)) index.apply(entry, { number, offset });
          },
        },
      );
      opened.#journal = journal;
    } catch (error) {
      await folder.close().catch(() => undefined);
      throw openError(path, subject, error);
    }
    index.removeExpired();
    return opened;
  }

  /**
   * Makes a change durable. The first change after a failed write removes what that write may have left in the file.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the write has failed; the change then has no effect in this process
   * @see [decision 152](../../../../docs/decisions/152-disk-calls-recover.md)
   */
  submit(change: CallChange): Promise<PlannedChange> {
    return this.#commit.submit(change);
  }

  /**
   * Resolves to the latest entry of a call; undefined for an unknown call.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the entry is damaged
   */
  async read(id: string): Promise<EntryOfCall | undefined> {
    for (;;) {
      const position = this.index.positionOf(id);
      if (position === undefined) return undefined;
      const reading = await this.#journal.read(position).then(
        (payload) => ({ payload }),
        (error: unknown) => ({ error }),
      );
      const now = this.index.positionOf(id);
      // If the call has changed or expired during the read, the entry is read again.
      if (now?.number !== position.number || now.offset !== position.offset) continue;
      if ('error' in reading) throw reading.error;
      const { payload } = reading;
      let found: EntryOfCall | undefined;
      if (payload !== undefined)
        for (const entry of decodeEntries(payload)) if ('id' in entry && entry.id === id) found = entry;
      if (found === undefined)
        throw new ClerkError(
          'CONFIG_INVALID',
          'A record in the folder of diskCalls() is damaged; check the disk, and copy the readable records with clerk salvage',
        );
      return found;
    }
  }

  async close(): Promise<void> {
    await this.#commit.whenIdle();
    await this.#journal.close();
    await this.#folder.close();
  }

  async #write(changes: readonly CallChange[]): Promise<readonly PlannedChange[]> {
    const states = new Map<string, CallState | undefined>();
    const entries: CallEntry[] = [];
    const results = changes.map(({ id, plan }) => {
      const before = id === undefined ? undefined : states.has(id) ? states.get(id) : this.index.stateOf(id);
      const entry = plan(before);
      if (entry === undefined) return { before, isStored: false };
      entries.push(entry);
      if (id !== undefined) states.set(id, stateAfter(entry));
      return { before, isStored: true };
    });
    if (entries.length === 0) return results;
    const journal = this.#journal;
    if (this.#hasFailed) await journal.recover(minFreeBytes);
    this.#hasFailed = true;
    const position = await journal.append(encodeEntries(entries));
    this.#hasFailed = false;
    for (const entry of entries) this.index.apply(entry, position);
    this.index.removeExpired();
    if (journal.end.offset >= this.#maxFileBytes)
      // The entries are on disk, so a failed rotation must not reject this write. The next write recovers the journal.
      await journal.rotate(this.index.expiredBefore).catch(() => (this.#hasFailed = true));
    journal.setBase(this.index.firstNeededFile(journal.base, journal.end.number));
    return results;
  }
}

function stateAfter({ kind }: CallEntry): CallState | undefined {
  if (kind === 'done') return 'done';
  return kind === 'withdraw' ? undefined : 'open';
}

function openError(path: string, subject: string, error: unknown): ClerkError {
  if (error instanceof ClerkError) return error;
  return new ClerkError(
    'CONFIG_INVALID',
    error instanceof JournalDamage
      ? `${subject} ${error.message}. The folder was not opened, because a call whose record is lost could run twice. No file was changed; ${error.advice ?? `run clerk salvage ${path} --to NEW and use the new folder, which refuses calls whose records may be lost`}`
      : `${subject} cannot be read: ${errorMessage(error)}; check the disk and the permissions of the files`,
    { cause: error },
  );
}
