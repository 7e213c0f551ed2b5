import type { FakeRuntime } from 'binding-clerk/testing';
import type { DataFile, DataFolder } from '../../../src/core/data-folder.js';
import { isClerkError } from '../../../src/core/errors.js';
import { storeKeys } from '../../../src/server/naming/state/record-codec.js';
import { journalStore } from '../../../src/server/store/journal-store.js';
import type { RecordChange, Store } from '../../../src/server/ports.js';
import type { RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import { mutateFiles, type SimulatedFiles } from './mutate-files.js';
import type { SimulatedProcess } from './simulated-process.js';

export interface SimulatedDiskOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
  /**
   * These changes are durable and about to be acknowledged, or were read at a start.
   *
   * @param isFound - whether a start has read them, and the earlier server did not know of them
   */
  readonly onDurable: (changes: readonly RecordChange[], isFound: boolean) => void;
  /** The server applied these changes in memory only. */
  readonly onUnsaved: (changes: readonly RecordChange[]) => void;
  /** The server has saved the changes that it had applied in memory only. */
  readonly onRecovered: (changes: readonly RecordChange[]) => void;
  /** A slow write lasted from then until now. */
  readonly onSlow: (from: number) => void;
  readonly onFailed: () => void;
  /** A server has read these records for the first time since an older copy has replaced the data. */
  readonly onRestored: (records: ReadonlyMap<string, string>) => void;
  readonly violate: (clause: string, what: string) => void;
}

/** The files of one instant, with the acknowledged records. */
export interface DiskCopy {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly records: ReadonlyMap<string, string>;
  readonly unsavedKeys: ReadonlySet<string>;
}

/** Length of the journal from which the simulated server writes a checkpoint, in bytes. */
const minCheckpointBytes = 3_000;

/**
 * The disk of the server. The server keeps its journal in files on this disk. A write is durable once it is synced, which takes
 * time and may fail. A kill loses unsynced writes, or leaves their beginning; a write that was synced and not acknowledged is
 * read at the next start. Some starts first try a damaged copy of the files, which must be refused or read completely.
 */
export class SimulatedDisk {
  /** Additional write time, in ms. */
  slowMs = 0;
  /** Writes fail. */
  isFailing = false;
  /** Called during the next write. */
  onNextWrite: (() => void) | undefined;
  readonly #options: SimulatedDiskOptions;
  readonly #files: SimulatedFiles = new Map();
  /** The files as they were at earlier starts. */
  readonly #earlier: SimulatedFiles[] = [];
  /** The acknowledged records, and those that were read at the last start. */
  readonly #records = new Map<string, string>();
  /** Keys that the last server instance changed in memory only. */
  readonly #unsavedKeys = new Set<string>();
  readonly #inFlight = new Set<() => void>();
  /** Number of the folder: a copy has another lock file. */
  #folderNumber = 1;
  #folders = 1;
  #isRestored = false;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
  }

  /** The store of one server instance. */
  open(process: SimulatedProcess): Store {
    const { random, onDurable, onUnsaved, onFailed, log } = this.#options;
    const store = this.#storeOn(this.#files, process, this.#folderNumber);
    return {
      get folderIdentity() {
        return store.folderIdentity;
      },
      load: async () => {
        await new Promise<void>((resolve) => void process.setTimer(resolve, random.between(1, 30)));
        if (random.chance(0.2)) await this.#tryDamagedCopy();
        if (random.chance(0.2)) this.#earlier.push(new Map(this.#files));
        const found = await store.load();
        if (this.#isRestored) this.#options.onRestored(found);
        this.#isRestored = false;
        const changes = this.#differences(found);
        if (changes.length > 0) {
          this.#apply(changes);
          onDurable(changes, true);
        }
        return found;
      },
      write: async (changes) => {
        try {
          await store.write(changes);
        } catch (error) {
          log('the write fails');
          onFailed();
          throw error;
        }
        this.#apply(changes);
        const isLate = changes.every(({ key }) => key === storeKeys.revision || this.#unsavedKeys.has(key));
        for (const { key } of changes) this.#unsavedKeys.delete(key);
        if (isLate) this.#options.onRecovered(changes);
        else onDurable(changes, false);
      },
      recover: () => store.recover(),
      onUnsaved: (changes) => {
        for (const { key } of changes) this.#unsavedKeys.add(key);
        onUnsaved(changes);
      },
      close: () => store.close(),
    };
  }

  /** The server was killed. */
  crash(): void {
    for (const interrupt of this.#inFlight) interrupt();
    this.#inFlight.clear();
  }

  copy(): DiskCopy {
    return {
      files: new Map(this.#files),
      records: new Map(this.#records),
      unsavedKeys: new Set(this.#unsavedKeys),
    };
  }

  /**
   * An older copy replaces the data while no server runs.
   *
   * @param isOtherFolder - whether the files were copied, so that the folder has another lock file
   */
  restore({ files, records, unsavedKeys }: DiskCopy, isOtherFolder: boolean): void {
    this.#files.clear();
    for (const [name, bytes] of files) this.#files.set(name, bytes);
    this.#records.clear();
    for (const [key, value] of records) this.#records.set(key, value);
    this.#unsavedKeys.clear();
    for (const key of unsavedKeys) this.#unsavedKeys.add(key);
    if (isOtherFolder) this.#folderNumber = ++this.#folders;
    this.#isRestored = true;
  }

  /** The store of a second registry, on a copy of the folder. */
  openCopy(): Store {
    return this.#storeOn(new Map(this.#files), undefined, ++this.#folders);
  }

  /** Whether a record is acknowledged. */
  has(key: string): boolean {
    return this.#records.has(key);
  }

  /** @param process - undefined for a store that is read and written at once */
  #storeOn(files: SimulatedFiles, process: SimulatedProcess | undefined, folderNumber?: number): Store {
    const { random } = this.#options;
    const randomHex = (bytes: number): string =>
      Array.from({ length: bytes }, () => random.int(0, 255).toString(16).padStart(2, '0')).join('');
    const openFolder = async (): Promise<DataFolder> => ({
      ...this.#folder(files, process),
      identity: folderNumber?.toString(),
    });
    return journalStore('/data', { openFolder, randomHex, minCheckpointBytes });
  }

  #folder(files: SimulatedFiles, process: SimulatedProcess | undefined): DataFolder {
    const run = (perform: () => void, tear?: () => void): Promise<void> => {
      if (process !== undefined) return this.#run(process, perform, tear);
      perform();
      return Promise.resolve();
    };
    const fileOf = (name: string): DataFile => {
      const content = (): Buffer => files.get(name) ?? Buffer.alloc(0);
      const put = (offset: number, data: Uint8Array): void => {
        const bytes = Buffer.alloc(Math.max(content().length, offset + data.length));
        content().copy(bytes);
        bytes.set(data, offset);
        files.set(name, bytes);
      };
      return {
        sizeBytes: async () => content().length,
        read: async (offset, lengthBytes) => Buffer.from(content().subarray(offset, offset + lengthBytes)),
        write: (offset, data) => {
          const copy = Buffer.from(data);
          const tornBytes = Math.floor(copy.length * this.#options.random.uniform());
          return run(
            () => put(offset, copy),
            () => put(offset, copy.subarray(0, tornBytes)),
          );
        },
        truncate: (sizeBytes) =>
          run(() => void files.set(name, Buffer.from(content().subarray(0, sizeBytes)))),
        close: async () => undefined,
      };
    };
    return {
      names: async () => [...files.keys()],
      open: async (name) => (files.has(name) ? fileOf(name) : undefined),
      create: async (name) => {
        await run(() => void files.set(name, Buffer.alloc(0)));
        return fileOf(name);
      },
      remove: (name) => run(() => void files.delete(name)),
      close: async () => undefined,
    };
  }

  /** @param tear - does a part of the operation, as when the process ends meanwhile */
  #run(process: SimulatedProcess, perform: () => void, tear: () => void = () => undefined): Promise<void> {
    const { runtime, random, mark, log, onSlow } = this.#options;
    // Nothing of a killed process runs, so its operations never end.
    if (!process.isAlive) return new Promise(() => undefined);
    const ms = random.between(0.1, 3) + this.slowMs * random.uniform();
    const isFailing = this.isFailing;
    const from = runtime.now();
    if (this.slowMs > 0) mark('fault:registry-slow');
    let isSynced = false;
    const interrupt = this.onNextWrite;
    this.onNextWrite = undefined;
    if (interrupt) runtime.setTimer(interrupt, ms * random.uniform());
    const sync = runtime.setTimer(() => {
      // A failing write may or may not be durable.
      if (isFailing && random.chance(0.7)) return;
      isSynced = true;
      perform();
    }, ms * random.uniform());
    const crash = (): void => {
      sync.cancel();
      mark(isSynced ? 'synced-unacknowledged' : 'unsynced-lost');
      log(`a write in flight is ${isSynced ? 'durable' : 'lost'}`);
      if (!isSynced && random.chance(0.5)) tear();
    };
    this.#inFlight.add(crash);
    return new Promise((resolve, reject) => {
      process.setTimer(() => {
        this.#inFlight.delete(crash);
        if (ms > 50) onSlow(from);
        if (isFailing) reject(Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' }));
        else resolve();
      }, ms);
    });
  }

  /** A start on a damaged copy must find all that was acknowledged, or be refused. */
  async #tryDamagedCopy(): Promise<void> {
    const { random, violate, log } = this.#options;
    const copy = new Map([...this.#files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
    const intact = this.#storeOn(new Map(copy), undefined);
    const expected = new Map(await intact.load());
    await intact.close();
    const what = mutateFiles(copy, this.#earlier, random);
    if (what === undefined) return;
    log(`a copy of the disk is damaged: ${what}`);
    const store = this.#storeOn(copy, undefined);
    try {
      const found = await store.load();
      const text = (records: ReadonlyMap<string, string>): string => JSON.stringify([...records].sort());
      // A copy may lack a change that was never acknowledged.
      if (text(found) !== text(expected) && text(found) !== text(this.#records))
        violate('C5.7', `a damaged disk is read with wrong records: ${what}`);
    } catch (error) {
      if (!isClerkError(error) || error.code !== 'REGISTRY_INVALID')
        violate('C5.7', `a damaged disk ends the start with ${String(error)}: ${what}`);
    } finally {
      await store.close();
    }
  }

  #apply(changes: readonly RecordChange[]): void {
    for (const { key, value } of changes)
      if (value === undefined) this.#records.delete(key);
      else this.#records.set(key, value);
  }

  /** Returns the changes that the files contain and that were not acknowledged, and undoes the unsaved ones. */
  #differences(found: ReadonlyMap<string, string>): RecordChange[] {
    const changes: RecordChange[] = [];
    for (const key of this.#records.keys())
      if (!found.has(key) && !this.#unsavedKeys.has(key)) changes.push({ key, value: undefined });
    for (const [key, value] of found)
      if (this.#records.get(key) !== value && !this.#unsavedKeys.has(key)) changes.push({ key, value });
    for (const key of this.#unsavedKeys) changes.push({ key, value: found.get(key) });
    this.#unsavedKeys.clear();
    return changes;
  }
}
