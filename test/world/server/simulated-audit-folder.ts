import type { AuditFile, AuditFolder } from '../../../src/core/audit-folder.js';
import type { RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import type { SimulatedFiles } from './mutate-files.js';
import type { SimulatedProcess } from './simulated-process.js';

export interface SimulatedAuditFolderOptions {
  readonly random: RandomStream;
  /** Whether the disk of the store fails, on which the folder is. */
  readonly isDiskFailing: () => boolean;
  /** These bytes are now in the file. */
  readonly onWritten: (text: string) => void;
  readonly mark: (mark: CoverageMark) => void;
}

/** The files of the audit log at one instant. */
export interface AuditFolderCopy {
  readonly files: SimulatedFiles;
  readonly synced: SimulatedFiles;
}

/**
 * The folder of the audit log. A completed write survives a kill of the server, and only a completed sync survives a power
 * failure. Bytes whose sync has failed are lost in a power failure, although a later sync succeeds.
 */
export class SimulatedAuditFolder {
  /** Writes, syncs and new files fail, as on a full disk. */
  isFull = false;
  readonly #options: SimulatedAuditFolderOptions;
  readonly #files: SimulatedFiles = new Map();
  readonly #synced: SimulatedFiles = new Map();
  /** Ranges of bytes that a failed sync has lost. */
  readonly #lost = new Map<string, (readonly [from: number, end: number])[]>();
  readonly #inFlight = new Set<() => void>();

  constructor(options: SimulatedAuditFolderOptions) {
    this.#options = options;
  }

  get isFailing(): boolean {
    return this.isFull || this.#options.isDiskFailing();
  }

  /** All that the files contain. */
  get text(): string {
    return [...this.#files.keys()]
      .sort()
      .map((name) => String(this.#files.get(name)))
      .join('\n');
  }

  copy(): AuditFolderCopy {
    return { files: new Map(this.#files), synced: new Map(this.#synced) };
  }

  restore({ files, synced }: AuditFolderCopy): void {
    replaceAll(this.#files, files);
    replaceAll(this.#synced, synced);
  }

  /** The server was killed, sometimes by a power failure. */
  crash(): void {
    const { random, mark } = this.#options;
    for (const interrupt of this.#inFlight) interrupt();
    this.#inFlight.clear();
    this.#lost.clear();
    if (!random.chance(0.3)) return;
    mark('audit-power-failure');
    for (const [name, bytes] of this.#files) {
      const synced = this.#synced.get(name);
      if (synced === undefined) {
        this.#files.delete(name);
        continue;
      }
      // A part of the bytes after the synced ones may be on the disk, or zeros in their place.
      const unsynced = Math.max(0, bytes.length - synced.length);
      const kept = synced.length + Math.floor(unsynced * random.uniform() ** 3);
      const tail = unsynced > 0 && random.chance(0.2) ? Buffer.alloc(random.int(0, 300)) : Buffer.alloc(0);
      this.#files.set(name, Buffer.concat([synced, bytes.subarray(synced.length, kept), tail]));
    }
    replaceAll(this.#synced, this.#files);
  }

  open(process: SimulatedProcess): AuditFolder {
    const files = this.#files;
    const fileOf = (name: string): AuditFile => this.#file(name, process);
    return {
      names: async () => [...files.keys()],
      open: async (name) => (files.has(name) ? fileOf(name) : undefined),
      create: async (name) => {
        await this.#run(process, () => void files.set(name, Buffer.alloc(0)));
        return fileOf(name);
      },
      remove: (name) =>
        this.#run(process, () => {
          files.delete(name);
          this.#synced.delete(name);
        }),
    };
  }

  #file(name: string, process: SimulatedProcess): AuditFile {
    const content = (): Buffer => this.#files.get(name) ?? Buffer.alloc(0);
    const put = (offset: number, data: Buffer): void => {
      const rest = content().subarray(offset + data.length);
      this.#files.set(name, Buffer.concat([content().subarray(0, offset), data, rest]));
      this.#rewrite(name, offset, offset + data.length);
    };
    return {
      sizeBytes: async () => content().length,
      read: async (offset, lengthBytes) => Buffer.from(content().subarray(offset, offset + lengthBytes)),
      write: (offset, data) => {
        const whole = Buffer.from(data);
        const torn = whole.subarray(0, Math.floor(whole.length * this.#options.random.uniform()));
        return this.#run(
          process,
          () => {
            put(offset, whole);
            this.#options.onWritten(String(whole));
          },
          () => put(offset, torn),
        );
      },
      sync: () => {
        const bytes = content();
        return this.#run(
          process,
          () => void this.#synced.set(name, this.#withoutLost(name, bytes)),
          undefined,
          () => this.#lose(name, bytes.length),
        );
      },
      truncate: (sizeBytes) =>
        this.#run(process, () => void this.#files.set(name, content().subarray(0, sizeBytes))),
      close: async () => undefined,
    };
  }

  #lose(name: string, endBytes: number): void {
    const from = this.#synced.get(name)?.length ?? 0;
    this.#lost.set(name, [...(this.#lost.get(name) ?? []), [from, endBytes]]);
  }

  /** Bytes that are written again after a failed sync are written to the disk by the next sync. */
  #rewrite(name: string, start: number, stop: number): void {
    const parts = (this.#lost.get(name) ?? []).flatMap(([from, end]) => [
      [from, Math.min(end, start)] as const,
      [Math.max(from, stop), end] as const,
    ]);
    this.#lost.set(
      name,
      parts.filter(([from, end]) => from < end),
    );
  }

  #withoutLost(name: string, bytes: Buffer): Buffer {
    const left = Buffer.from(bytes);
    for (const [from, end] of this.#lost.get(name) ?? []) left.fill(0, from, Math.min(end, left.length));
    return left;
  }

  /**
   * @param tear - what a failed operation leaves, or one that the end of the process interrupts
   * @param lose - what a failed operation loses
   */
  #run(process: SimulatedProcess, perform: () => void, tear?: () => void, lose?: () => void): Promise<void> {
    const { random } = this.#options;
    if (!process.isAlive) return new Promise(() => undefined);
    const isFailing = this.isFailing;
    const interrupt = (): void => {
      if (random.chance(0.5)) tear?.();
    };
    this.#inFlight.add(interrupt);
    return new Promise((resolve, reject) => {
      process.setTimer(
        () => {
          this.#inFlight.delete(interrupt);
          if (isFailing) {
            interrupt();
            lose?.();
            reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
            return;
          }
          perform();
          resolve();
        },
        random.between(0.05, 1.5),
      );
    });
  }
}

function replaceAll(target: Map<string, Buffer>, source: ReadonlyMap<string, Buffer>): void {
  target.clear();
  for (const [name, bytes] of source) target.set(name, bytes);
}
