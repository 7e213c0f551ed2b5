import { resolve } from 'node:path';
import type { DataFolder, OpenDataFolder } from '../../core/data-folder.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { JournalDamage, type JournalVisitor } from '../../core/journal/journal-reader.js';
import { Journal } from '../../core/journal/journal.js';
import type { RecordChange, Store } from '../ports.js';
import { decodeRecords, encodeRecords } from './record-batch.js';
import { SharedStrings } from './shared-strings.js';
import { StoreLifecycle } from './store-lifecycle.js';

export interface JournalStoreOptions {
  readonly openFolder: OpenDataFolder;
  readonly randomHex: (bytes: number) => string;
  /** Minimum length of the journal before a checkpoint is written, in bytes. Default 8 MiB. */
  readonly minCheckpointBytes?: number;
}

const defaultMinCheckpointBytes = 8 * 1024 * 1024;
/** `recover` rejects until the disk has this free space, in bytes, so that the next writes do not fail again. */
const minFreeBytes = 64 * 1024;
/** Number of records in a part of a checkpoint. Other work runs between two parts. */
const recordsPerPart = 500;

export const readme = `This folder contains the data of a binding-clerk registry. Each file is needed, and no file may be
edited. Make a copy of the whole folder while the registry is stopped. "clerk export" saves the definitions of
names, and of a secured registry the groups and rights, but neither keys nor tokens.
When the registry refuses the folder as damaged: clerk salvage THIS-FOLDER --to NEW-FOLDER
`;

/**
 * A store in a folder. Each write appends a batch to a journal, and resolves when the batch is on disk. When the
 * journal is long, a checkpoint with all records replaces its older part. After a failed write, every later write
 * fails until `recover` has resolved. Only one server at a time can open the folder.
 *
 * `load` creates a missing folder, and rejects with a {@link ClerkError}:
 *
 * - `CONFIG_INVALID` when the path is not a folder, or the folder cannot be locked,
 * - `FORBIDDEN` when the path is a symbolic link, another user owns or can write to the folder, or another process
 *   uses the folder,
 * - `REGISTRY_INVALID` when a file is damaged or missing, or the folder has another purpose.
 *
 * @param folder - path of the folder, absolute or relative to the working directory
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 * @see [A23](../../../docs/guarantees.md#a23), [A24](../../../docs/guarantees.md#a24)
 */
export function journalStore(folder: string, options: JournalStoreOptions): Store {
  return new JournalStore(resolve(folder), options);
}

class JournalStore implements Store {
  readonly #path: string;
  readonly #subject: string;
  readonly #options: JournalStoreOptions;
  readonly #lifecycle: StoreLifecycle;
  readonly #records = new Map<string, string>();
  readonly #strings = new SharedStrings();
  #folder: DataFolder | undefined;
  #journal: Journal | undefined;
  #failure: ClerkError | undefined;
  #journalBytes = 0;
  #checkpointBytes = 0;
  #checkpoint: Promise<void> | undefined;
  #isClosing = false;

  constructor(path: string, options: JournalStoreOptions) {
    this.#path = path;
    this.#subject = `Data folder ${quote(path)}`;
    this.#options = options;
    this.#lifecycle = new StoreLifecycle(this.#subject);
  }

  get folderIdentity(): string | undefined {
    return this.#folder?.identity;
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#lifecycle.beginLoad();
    const { openFolder, randomHex } = this.#options;
    const folder = await openFolder(this.#path, this.#subject);
    const visitor: JournalVisitor = {
      onCheckpoint: (payload) => this.#apply(decodeRecords(payload)),
      onBatch: ({ payload }) => this.#apply(decodeRecords(payload)),
    };
    try {
      const options = { content: 'registry', randomHex, readme } as const;
      const { journal, sizeBytes } = await Journal.open(folder, options, visitor);
      this.#journal = journal;
      this.#journalBytes = sizeBytes.journals;
      this.#checkpointBytes = sizeBytes.checkpoint;
    } catch (error) {
      await folder.close().catch(() => undefined);
      throw this.#loadError(error);
    }
    this.#folder = folder;
    return new Map(this.#records);
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const endWrite = this.#lifecycle.beginWrite();
    try {
      const journal = this.#journal;
      // There is no journal before `load` has finished, or if `load` has failed.
      if (journal === undefined)
        throw new ClerkError('CONFIG_INVALID', `${this.#subject} is not open; wait until load() resolves`);
      const frame = encodeRecords(changes);
      await journal.append(frame);
      this.#journalBytes += frame.length;
      this.#apply(changes);
      // If the checkpoint fails, this write still succeeds, because its changes are saved. The next write fails.
      if (this.#isCheckpointDue())
        await this.#beginCheckpoint(journal).catch((error: unknown) => this.#fail(error));
    } catch (error) {
      // The changes may be on disk, so every later write must fail until `recover` has removed them.
      throw this.#fail(error);
    } finally {
      endWrite();
    }
  }

  async recover(): Promise<void> {
    const endWrite = this.#lifecycle.beginWrite();
    try {
      await this.#journal?.recover(minFreeBytes);
      this.#failure = undefined;
    } catch (error) {
      throw this.#fail(error);
    } finally {
      endWrite();
    }
  }

  async close(): Promise<void> {
    if (!this.#lifecycle.close()) return;
    this.#isClosing = true;
    await this.#checkpoint;
    await this.#journal?.close().catch(() => undefined);
    await this.#folder?.close();
  }

  #fail(error: unknown): ClerkError {
    this.#failure = new ClerkError(
      'REGISTRY_UNREACHABLE',
      `${this.#subject} could not be written: ${errorMessage(error)}; free space on the disk, or repair the disk`,
      { cause: error },
    );
    return this.#failure;
  }

  #apply(changes: Iterable<RecordChange>): void {
    for (const { key, value } of changes)
      if (value === undefined) this.#records.delete(key);
      else this.#records.set(key, this.#strings.share(value));
  }

  #isCheckpointDue(): boolean {
    const { minCheckpointBytes = defaultMinCheckpointBytes } = this.#options;
    return (
      this.#checkpoint === undefined &&
      !this.#isClosing &&
      this.#journalBytes >= Math.max(minCheckpointBytes, 2 * this.#checkpointBytes)
    );
  }

  async #beginCheckpoint(journal: Journal): Promise<void> {
    const number = await journal.rotate();
    const headerChecksum = journal.end.checksum;
    // The copied arrays are a snapshot of the records, because strings are immutable.
    const [keys, values] = [[...this.#records.keys()], [...this.#records.values()]];
    const replacedBytes = this.#journalBytes;
    this.#checkpoint = journal
      .writeCheckpoint(number, headerChecksum, this.#parts(keys, values))
      .then((sizeBytes) => {
        this.#checkpointBytes = sizeBytes;
        this.#journalBytes -= replacedBytes;
        journal.setBase(number);
      })
      // After a failure, the older files stay. The next attempt follows when the journal is twice as long.
      .catch(() => void (this.#checkpointBytes = this.#journalBytes))
      .finally(() => (this.#checkpoint = undefined));
  }

  *#parts(keys: readonly string[], values: readonly string[]): IterableIterator<Buffer> {
    for (let i = 0; i < keys.length; i += recordsPerPart) {
      if (this.#isClosing) throw new Error('The store is closing');
      const part = keys.slice(i, i + recordsPerPart);
      yield encodeRecords(part.map((key, j) => ({ key, value: values[i + j] as string })));
    }
  }

  #loadError(error: unknown): ClerkError {
    if (error instanceof ClerkError) return error;
    return new ClerkError(
      'REGISTRY_INVALID',
      error instanceof JournalDamage
        ? `${this.#subject} ${error.message}. No file was changed; ${error.advice ?? `save the valid records with clerk salvage ${this.#path} --to NEW, or restore the folder from a backup`}`
        : `${this.#subject} cannot be read: ${errorMessage(error)}; check the disk and the permissions of the files`,
      { cause: error },
    );
  }
}
