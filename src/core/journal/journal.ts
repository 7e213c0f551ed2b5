import type { DataFile, DataFolder } from '../data-folder.js';
import { maxCopyBytes, writeMark, type JournalEnd } from './end-mark.js';
import {
  checkpointName,
  endMarkName,
  fileNumbers,
  journalName,
  readmeName,
  type FileHeader,
  type JournalContent,
} from './file-header.js';
import { frameBytes, frameHeaderBytes, jsonFrame, parseFrame, sealFrame } from './frame.js';
import { readJournal, type CompleteJournal, type JournalVisitor } from './journal-reader.js';

export interface JournalOptions {
  readonly content: JournalContent;
  readonly randomHex: (bytes: number) => string;
  readonly readme: string;
}

export interface BatchPosition {
  readonly number: number;
  readonly offset: number;
}

/** Readers ignore files whose name begins with a dot. */
const spaceCheckName = '.space-check';
/** Most batches are shorter, so one read suffices. */
const firstReadBytes = 4_096;

/**
 * A log of batches in the files of a folder. Each batch states the checksum of the previous batch. The file `end`
 * states the last batch, and is synced before the batch is acknowledged. `open` therefore detects a flipped bit, and a
 * deleted or shortened file.
 *
 * An operation, except `read` and `writeCheckpoint`, may start only after the previous operation has ended. After a
 * rejected operation, the caller must call `recover` or `close`.
 *
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 */
export class Journal {
  readonly #folder: DataFolder;
  readonly #content: JournalContent;
  readonly #folderId: string;
  readonly #endFile: DataFile;
  readonly #files = new Map<number, DataFile>();
  #end: JournalEnd;
  /** Position after the last acknowledged batch, or after the file header that follows the batch. */
  #acknowledged: JournalEnd;
  /** Value `carried` of the next file, while that file is being created. */
  #rotating: number | undefined;
  /** Counter of the last mark that was written completely. */
  #writtenCounter: number;
  #base: number;
  #markedBase: number;
  #removedBefore: number;
  #counter: number;
  #carried: number;
  #removal: Promise<void> = Promise.resolve();

  private constructor(
    folder: DataFolder,
    { header, mark, end }: Pick<CompleteJournal, 'header' | 'mark' | 'end'>,
    endFile: DataFile,
  ) {
    this.#folder = folder;
    this.#content = header.content;
    this.#folderId = header.folderId;
    this.#carried = header.carried;
    this.#endFile = endFile;
    this.#end = this.#acknowledged = end;
    this.#writtenCounter = mark.counter;
    this.#base = mark.base;
    this.#markedBase = mark.base;
    this.#removedBefore = mark.base;
    this.#counter = mark.counter;
  }

  /**
   * Opens the journal of a folder. Creates a journal in a folder that was never used. Restores an incomplete last
   * batch from its copy in the end mark. Without a copy, the batch was never acknowledged and is removed.
   *
   * @throws {@link JournalDamage} when the files are not complete; no file is then changed
   */
  static async open(
    folder: DataFolder,
    options: JournalOptions,
    visitor: JournalVisitor,
  ): Promise<{ readonly journal: Journal; readonly sizeBytes: CompleteJournal['sizeBytes'] }> {
    const found = await readJournal(folder, options.content, visitor);
    if (found === undefined) {
      const journal = await Journal.#create(folder, options);
      return { journal, sizeBytes: { checkpoint: 0, journals: journal.end.offset } };
    }
    const endFile = (await folder.open(endMarkName)) as DataFile;
    const journal = new Journal(folder, found, endFile);
    await journal.#resume(found);
    await writeReadme(folder, options.readme);
    return { journal, sizeBytes: found.sizeBytes };
  }

  static async #create(folder: DataFolder, options: JournalOptions): Promise<Journal> {
    const { content, randomHex, readme } = options;
    const folderId = randomHex(8);
    const header: FileHeader = { folderId, content, file: 'journal', number: 1, carried: 0 };
    const frame = jsonFrame('H', 0, 0, header);
    const file = await folder.create(journalName(1));
    await file.write(0, frame);
    const checksum = parseFrame(frame)?.checksum as number;
    const end = { number: 1, offset: frame.length, sequence: 0, checksum };
    const mark = { ...end, base: 1, folderId, content, counter: 0, copy: undefined };
    const endFile = await folder.create(endMarkName);
    const journal = new Journal(folder, { header, mark, end }, endFile);
    journal.#files.set(1, file);
    await journal.#writeMark();
    await journal.#writeMark();
    await writeReadme(folder, readme);
    return journal;
  }

  get end(): JournalEnd {
    return this.#end;
  }

  get base(): number {
    return this.#base;
  }

  /**
   * Appends a batch. Resolves when the batch and the end mark are synced.
   *
   * @param frame - result of `allocateFrame`, with its payload
   */
  async append(frame: Buffer): Promise<BatchPosition> {
    const { number, offset, sequence, checksum } = this.#end;
    const file = this.#files.get(number) as DataFile;
    const next = sealFrame(frame, 'B', sequence + 1, checksum);
    const writing = file.write(offset, frame);
    const copy = frame.length <= maxCopyBytes ? frame : undefined;
    // Without a copy in the mark, the batch must be on disk before the mark.
    if (copy === undefined) await writing;
    this.#end = { number, offset: offset + frame.length, sequence: sequence + 1, checksum: next };
    const results = await Promise.allSettled([writing, this.#writeMark(copy)]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    this.#acknowledged = this.#end;
    return { number, offset };
  }

  /**
   * Removes the bytes that a rejected operation may have written after the last acknowledged batch. After that, the
   * journal can be written again. Rejects if the disk has no space for `requiredBytes` more bytes.
   *
   * @see [decision 083](../../../docs/decisions/083-failed-store-recovers.md)
   */
  async recover(requiredBytes: number): Promise<void> {
    const check = await this.#folder.create(spaceCheckName);
    try {
      await check.write(0, Buffer.alloc(requiredBytes));
    } finally {
      await check.close();
      await this.#folder.remove(spaceCheckName);
    }
    this.#end = this.#acknowledged;
    // Write the next mark to the slot that does not contain the last complete mark, so that a torn write leaves one
    // mark.
    if ((this.#counter + 1) % 2 === this.#writtenCounter % 2) this.#counter++;
    await this.#writeMark();
    const { number, offset } = this.#end;
    await (this.#files.get(number) as DataFile).truncate(offset);
    // Create the interrupted file again instead of removing it: a power failure could restore a removed file, which
    // would not continue the journal.
    if (this.#rotating !== undefined) await this.rotate(this.#rotating);
  }

  async read({ number, offset }: BatchPosition): Promise<Buffer | undefined> {
    const file = this.#files.get(number) ?? (await this.#openFile(number));
    if (file === undefined) return undefined;
    let bytes = await file.read(offset, firstReadBytes);
    if (bytes.length < frameHeaderBytes) return undefined;
    const lengthBytes = frameBytes(bytes);
    if (lengthBytes > bytes.length) {
      if (offset + lengthBytes > (await file.sizeBytes())) return undefined;
      bytes = await file.read(offset, lengthBytes);
    }
    const frame = parseFrame(bytes.subarray(0, lengthBytes));
    return frame?.kind === 'B' ? frame.payload : undefined;
  }

  async rotate(carried = this.#carried): Promise<number> {
    const { sequence, checksum } = this.#end;
    const number = this.#end.number + 1;
    this.#rotating = carried;
    const frame = jsonFrame('H', sequence, checksum, {
      folderId: this.#folderId,
      content: this.#content,
      file: 'journal',
      number,
      carried,
    } satisfies FileHeader);
    const file = await this.#folder.create(journalName(number));
    try {
      await file.write(0, frame);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#files.set(number, file);
    this.#carried = carried;
    this.#rotating = undefined;
    this.#end = { number, offset: frame.length, sequence, checksum: frame.readUInt32BE(16) };
    this.#acknowledged = this.#end;
    return number;
  }

  /**
   * Writes a checkpoint file with the state before the journal file `number`. May run at the same time as other
   * operations.
   *
   * @param headerChecksum - checksum of the header of the journal file
   * @param parts - frames with a payload, from `allocateFrame`
   * @returns the length of the checkpoint, in bytes
   */
  async writeCheckpoint(
    number: number,
    headerChecksum: number,
    parts: Iterable<Buffer> | AsyncIterable<Buffer>,
  ): Promise<number> {
    const header = jsonFrame('H', 0, headerChecksum, {
      folderId: this.#folderId,
      content: this.#content,
      file: 'checkpoint',
      number,
      carried: 0,
    } satisfies FileHeader);
    const file = await this.#folder.create(checkpointName(number));
    try {
      let offset = 0;
      let checksum = header.readUInt32BE(16);
      const write = async (frame: Buffer): Promise<void> => {
        await file.write(offset, frame);
        offset += frame.length;
      };
      await write(header);
      let sequence = 0;
      for await (const part of parts) {
        checksum = sealFrame(part, 'C', ++sequence, checksum);
        await write(part);
      }
      await write(jsonFrame('E', sequence + 1, checksum, {}));
      await file.close();
      return offset;
    } catch (error) {
      await file.close();
      // An incomplete file would use space on a full disk.
      await this.#folder.remove(checkpointName(number));
      throw error;
    }
  }

  /**
   * Declares the files before `base` unneeded. They are removed when both slots of the end mark state `base`. After a
   * torn write, only one slot remains, and this slot must not name a removed file.
   */
  setBase(base: number): void {
    this.#base = base;
  }

  async close(): Promise<void> {
    await this.#removal;
    for (const file of this.#files.values()) await file.close();
    await this.#endFile.close();
  }

  async #resume({ unneeded, missing }: CompleteJournal): Promise<void> {
    const { number, offset } = this.#end;
    for (const name of unneeded) await this.#folder.remove(name);
    const file = (await this.#openFile(number)) as DataFile;
    await file.truncate(offset - (missing?.length ?? 0));
    if (missing !== undefined) await file.write(offset - missing.length, missing);
    await this.#writeMark();
  }

  async #openFile(number: number): Promise<DataFile | undefined> {
    const file = await this.#folder.open(journalName(number));
    const known = this.#files.get(number);
    if (known === undefined) {
      if (file !== undefined) this.#files.set(number, file);
      return file;
    }
    await file?.close();
    return known;
  }

  async #writeMark(copy?: Buffer): Promise<void> {
    const [base, folderId] = [this.#base, this.#folderId];
    await writeMark(this.#endFile, {
      ...this.#end,
      base,
      folderId,
      content: this.#content,
      counter: ++this.#counter,
      copy,
    });
    this.#writtenCounter = this.#counter;
    const isInBothSlots = this.#markedBase === base;
    this.#markedBase = base;
    if (!isInBothSlots || this.#removedBefore === base) return;
    this.#removedBefore = base;
    // A file that cannot be removed now is removed at the next start.
    this.#removal = this.#removal.then(() => this.#removeBefore(base)).catch(() => undefined);
  }

  async #removeBefore(base: number): Promise<void> {
    for (const [number, file] of this.#files) {
      if (number >= base) continue;
      this.#files.delete(number);
      await file.close();
    }
    const { journals, checkpoints } = fileNumbers(await this.#folder.names());
    for (const number of journals) if (number < base) await this.#folder.remove(journalName(number));
    for (const number of checkpoints) if (number < base) await this.#folder.remove(checkpointName(number));
  }
}

/** Creates a missing README. The README shows that the folder was used, even if all other files are lost. */
async function writeReadme(folder: DataFolder, text: string): Promise<void> {
  const existing = await folder.open(readmeName);
  if (existing !== undefined) {
    await existing.close();
    return;
  }
  const file = await folder.create(readmeName);
  await file.write(0, Buffer.from(text));
  await file.close();
}
