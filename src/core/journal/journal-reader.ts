import type { DataFolder } from '../data-folder.js';
import { readMark, type EndMark, type JournalEnd } from './end-mark.js';
import {
  checkpointName,
  endMarkName,
  fileNumbers,
  journalName,
  readHeader,
  readmeName,
  withFile,
  type FileHeader,
  type FileNumbers,
  type JournalContent,
} from './file-header.js';
import { parseFrame, type Frame } from './frame.js';
import { FrameReader, type LocatedFrame } from './frame-reader.js';

export interface JournalVisitor {
  onHeader?(header: FileHeader): void;
  onCheckpoint(payload: Buffer): void;
  /** @param number - number of the journal file that contains the batch */
  onBatch(frame: LocatedFrame, number: number): void;
}

export interface CompleteJournal {
  readonly header: FileHeader;
  readonly mark: EndMark;
  /** Position after the last complete batch, including the batch in `missing`. */
  readonly end: JournalEnd;
  /** Frame of the last batch, if only the end mark contains a complete copy of the batch; otherwise undefined. */
  readonly missing: Buffer | undefined;
  readonly sizeBytes: { readonly checkpoint: number; readonly journals: number };
  readonly unneeded: readonly string[];
}

/**
 * Error of a folder that must not be used as a journal. The message completes a sentence about the folder:
 * `has lost the file 'end'`.
 */
export class JournalDamage extends Error {
  /** Advice for a folder from which no journal can be salvaged; undefined if salvage may help. */
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

const foreignNames = /^(lost\+found|\..*)$/;
/** Files of LevelDB, in which earlier versions stored their data. */
const levelDbNames = /^(CURRENT|MANIFEST-\d+|\d{6,}\.(log|ldb|sst))$/;

/**
 * Reads a journal and checks that each frame follows the previous frame, up to the position in the end mark. Changes no
 * file. Resolves to undefined if the folder was never used.
 *
 * @throws {@link JournalDamage} when a file is damaged or missing, or belongs to another folder
 */
export async function readJournal(
  folder: DataFolder,
  content: JournalContent,
  visitor: JournalVisitor,
): Promise<CompleteJournal | undefined> {
  const names = (await folder.names()).filter((name) => !foreignNames.test(name));
  const numbers = fileNumbers(names);
  const mark = await withFile(folder, endMarkName, readMark);
  if (mark === undefined) {
    if (await isUnused(folder, names)) return undefined;
    throw withoutMark(names, numbers);
  }
  return new JournalReader(folder, content, visitor, numbers, mark).read();
}

/** Whether the folder is empty, or contains only the files of a first start that was interrupted. */
async function isUnused(folder: DataFolder, names: readonly string[]): Promise<boolean> {
  if (names.some((name) => name !== journalName(1) && name !== endMarkName)) return false;
  const hasBatches = await withFile(folder, journalName(1), async (file) => {
    const reader = await FrameReader.open(file);
    return (await readHeader(reader)) !== undefined && !reader.isAtEnd;
  });
  return hasBatches !== true;
}

function withoutMark(names: readonly string[], { journals, checkpoints }: FileNumbers): JournalDamage {
  if (names.includes(endMarkName))
    return new JournalDamage(
      `has a damaged file '${endMarkName}', so the last acknowledged batch is unknown`,
    );
  if (journals.length > 0 || checkpoints.length > 0)
    return new JournalDamage(`has lost the file '${endMarkName}', so the last acknowledged batch is unknown`);
  if (names.some((name) => levelDbNames.test(name)))
    return new JournalDamage(
      'has data in the LevelDB format of an earlier version',
      'run that version, save the data with clerk export, and import the data into a new folder',
    );
  const found = names.slice(0, 3).join(', ');
  return names.includes(readmeName)
    ? new JournalDamage(`has lost its journal; the folder still contains ${found}`)
    : new JournalDamage(
        `belongs to another program, or has lost its journal; the folder contains ${found}`,
        'use a folder that is empty or does not exist yet, or restore this one from a backup',
      );
}

class JournalReader {
  readonly #folder: DataFolder;
  readonly #content: JournalContent;
  readonly #visitor: JournalVisitor;
  readonly #numbers: FileNumbers;
  readonly #mark: EndMark;
  #reachesMark = false;
  #end: JournalEnd | undefined;
  #missing: Buffer | undefined;
  #header: FileHeader | undefined;
  #checkpointBytes = 0;
  #journalBytes = 0;
  readonly #unneeded: string[];

  constructor(
    folder: DataFolder,
    content: JournalContent,
    visitor: JournalVisitor,
    numbers: FileNumbers,
    mark: EndMark,
  ) {
    this.#folder = folder;
    this.#content = content;
    this.#visitor = visitor;
    this.#numbers = numbers;
    this.#mark = mark;
    const { journals, checkpoints } = numbers;
    this.#unneeded = [
      ...journals.filter((number) => number < mark.base).map(journalName),
      ...checkpoints.filter((number) => number !== mark.base).map(checkpointName),
    ];
  }

  async read(): Promise<CompleteJournal> {
    const { base } = this.#mark;
    const hasCheckpoint = this.#content === 'registry' && base > 1;
    let follows = hasCheckpoint ? await this.#readCheckpoint(base) : undefined;
    const last = Math.max(this.#mark.number, this.#numbers.journals.at(-1) ?? 0);
    for (let number = base; number <= last; number++)
      if (!(await this.#readFile(number, number === last, follows))) break;
      else follows = undefined;
    const [header, end] = [this.#header, this.#end];
    if (!this.#reachesMark || header === undefined || end === undefined)
      throw new JournalDamage(
        `contains no batch after batch ${end?.sequence ?? 0}, although batch ${this.#mark.sequence} was acknowledged`,
      );
    const sizeBytes = { checkpoint: this.#checkpointBytes, journals: this.#journalBytes };
    return {
      header,
      mark: this.#mark,
      end,
      missing: this.#missing,
      sizeBytes,
      unneeded: this.#unneeded,
    };
  }

  /** Resolves to the checksum that the header of the next journal file must have. */
  async #readCheckpoint(number: number): Promise<number> {
    const name = checkpointName(number);
    const previous = await withFile(this.#folder, name, async (file) => {
      const reader = await FrameReader.open(file);
      const header = await this.#readHeader(reader, name, { file: 'checkpoint', number });
      this.#checkpointBytes = reader.sizeBytes;
      let { checksum } = header;
      for (;;) {
        const frame = await reader.next();
        if (frame?.previous !== checksum)
          throw new JournalDamage(
            `has a damaged or incomplete file '${name}' (from byte ${reader.offset} on)`,
          );
        checksum = frame.checksum;
        if (frame.kind === 'E') return header.previous;
        this.#visitor.onCheckpoint(frame.payload);
      }
    });
    if (previous === undefined) throw new JournalDamage(`has lost the file '${name}'`);
    return previous;
  }

  /**
   * Reads a journal file. Resolves to false if an earlier process ended while that process created the file.
   *
   * @param headerChecksum - checksum that the header must have; undefined if unknown
   */
  async #readFile(number: number, isLast: boolean, headerChecksum: number | undefined): Promise<boolean> {
    const name = journalName(number);
    const isRead = await withFile(this.#folder, name, async (file) => {
      const reader = await FrameReader.open(file);
      if (number > this.#mark.number && isLast && reader.sizeBytes < 4_096 && !(await hasHeader(file)))
        return false;
      const header = await this.#readHeader(reader, name, { file: 'journal', number });
      const end = this.#end;
      const follows =
        end === undefined
          ? headerChecksum === undefined || header.checksum === headerChecksum
          : header.previous === end.checksum && header.sequence === end.sequence;
      if (!follows)
        throw new JournalDamage(
          `has a gap before the file '${name}': the file does not continue where the previous file ends`,
        );
      this.#advance(number, reader.offset, header);
      await this.#readBatches(reader, name, number, isLast);
      if (isLast && !this.#reachesMark) this.#readCopy(number);
      this.#journalBytes += reader.offset;
      return true;
    });
    if (isRead === undefined) throw new JournalDamage(`has lost the file '${name}'`);
    if (!isRead) this.#unneeded.push(name);
    return isRead;
  }

  async #readBatches(reader: FrameReader, name: string, number: number, isLast: boolean): Promise<void> {
    while (!reader.isAtEnd) {
      const end = this.#end as JournalEnd;
      const frame = await reader.next();
      // The last batch may be partly written if it was never acknowledged, or if the end mark contains a copy.
      if (frame === undefined && isLast && (this.#reachesMark || this.#nextIsCopy(number))) return;
      if (frame?.kind !== 'B' || frame.previous !== end.checksum || frame.sequence !== end.sequence + 1)
        throw new JournalDamage(
          `has a damaged batch ${end.sequence + 1} in the file '${name}' (from byte ${end.offset} on)`,
        );
      this.#visitor.onBatch(frame, number);
      this.#advance(number, reader.offset, frame);
    }
  }

  /** Whether the end mark contains a copy of the batch that follows the last complete batch. */
  #nextIsCopy(number: number): boolean {
    const { copy, sequence, offset, number: markedNumber } = this.#mark;
    const end = this.#end as JournalEnd;
    const frame = copy && parseFrame(copy);
    return (
      frame?.kind === 'B' &&
      markedNumber === number &&
      frame.previous === end.checksum &&
      sequence === end.sequence + 1 &&
      offset === end.offset + (copy?.length ?? 0)
    );
  }

  #readCopy(number: number): void {
    const { copy, offset } = this.#mark;
    const frame = copy && parseFrame(copy);
    if (copy === undefined || frame === undefined || !this.#nextIsCopy(number)) return;
    this.#missing = copy;
    this.#visitor.onBatch({ ...frame, offset: offset - copy.length }, number);
    this.#advance(number, offset, frame);
  }

  #advance(number: number, offset: number, { sequence, checksum }: Frame): void {
    this.#end = { number, offset, sequence, checksum };
    const mark = this.#mark;
    if (number !== mark.number || sequence !== mark.sequence) return;
    if (checksum !== mark.checksum || offset !== mark.offset)
      throw new JournalDamage(`has a batch ${sequence} that does not match the file '${endMarkName}'`);
    this.#reachesMark = true;
  }

  async #readHeader(
    reader: FrameReader,
    name: string,
    expected: Pick<FileHeader, 'file' | 'number'>,
  ): Promise<LocatedFrame> {
    const found = await readHeader(reader);
    if (found === undefined) throw new JournalDamage(`has a damaged header in the file '${name}'`);
    const { header, frame } = found;
    if (header.content !== this.#content)
      throw new JournalDamage(
        `stores ${header.content === 'calls' ? 'the calls of a service' : 'the names of a registry'}`,
        'use another folder',
      );
    const { file, number, folderId } = header;
    if (file !== expected.file || number !== expected.number || folderId !== this.#mark.folderId)
      throw new JournalDamage(
        `has a file '${name}' with the content of ${file} ${number} of ${folderId === this.#mark.folderId ? 'this' : 'another'} folder`,
      );
    if (file === 'journal') {
      this.#header = header;
      this.#visitor.onHeader?.(header);
    }
    return frame;
  }
}

async function hasHeader(file: Parameters<typeof FrameReader.open>[0]): Promise<boolean> {
  return (await readHeader(await FrameReader.open(file))) !== undefined;
}
