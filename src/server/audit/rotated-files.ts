import type { AuditFile, AuditFolder } from '../../core/audit-folder.js';
import { fileNameOf, type LogEnd } from './audit-files.js';

export interface RotatedFilesOptions {
  readonly folder: AuditFolder;
  /** Maximum size of a file, in bytes. A line that would exceed it starts a new file. */
  readonly maxFileBytes: number;
  /** Maximum number of files. The oldest files above it are removed. */
  readonly maxFiles: number;
  readonly end: Pick<LogEnd, 'files' | 'sizeBytes'>;
}

/** The files of an audit log. Lines are appended to the last file until it is full. */
export class RotatedFiles {
  readonly #options: RotatedFilesOptions;
  readonly #names: string[];
  #current: AuditFile | undefined;
  #sizeBytes: number;

  constructor(options: RotatedFilesOptions) {
    this.#options = options;
    this.#names = [...options.end.files];
    this.#sizeBytes = options.end.sizeBytes;
  }

  /** Names of the files, oldest first. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** The open file; undefined before the first write of this process, and after a failed rotation. */
  get current(): AuditFile | undefined {
    return this.#current;
  }

  /** Written bytes of the last file. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Returns how many of the lines fit into the last file. An empty file accepts at least one line. */
  countFitting(lines: readonly { readonly text: string }[]): number {
    let bytes = this.#sizeBytes;
    let count = 0;
    for (const { text } of lines) {
      bytes += Buffer.byteLength(text);
      if (bytes > this.#options.maxFileBytes && (this.#sizeBytes > 0 || count > 0)) break;
      count += 1;
    }
    return count;
  }

  async write(data: Buffer): Promise<void> {
    await this.#current?.write(this.#sizeBytes, data);
    this.#sizeBytes += data.length;
  }

  /** Opens the last file of an earlier server process. Returns false if it does not exist. */
  async reopen(): Promise<boolean> {
    const last = this.#names.at(-1);
    if (last !== undefined) this.#current = await this.#options.folder.open(last);
    return this.#current !== undefined;
  }

  /**
   * Starts the next file. The current file must be synced.
   *
   * @param firstSequence - number of the first line of the next file
   */
  async rotate(firstSequence: number): Promise<void> {
    const { folder, maxFiles } = this.#options;
    await this.close();
    const name = fileNameOf(firstSequence);
    this.#current = await folder.create(name);
    this.#sizeBytes = 0;
    this.#names.push(name);
    while (this.#names.length > maxFiles) await folder.remove(this.#names.shift() as string);
  }

  async sync(): Promise<void> {
    await this.#current?.sync();
  }

  async close(): Promise<void> {
    const current = this.#current;
    await current?.close();
    this.#current = undefined;
  }
}
