import type { DataFolder } from '../data-folder.js';
import { readMark, type EndMark } from './end-mark.js';
import {
  checkpointName,
  endMarkName,
  fileNumbers,
  journalName,
  readHeader,
  withFile,
  type FileHeader,
  type FileNumbers,
  type JournalContent,
} from './file-header.js';
import { claimedChecksum, frameHeaderBytes, parseFrame } from './frame.js';
import { FrameReader, type LocatedFrame } from './frame-reader.js';
import { JournalDamage, readJournal, type JournalVisitor } from './journal-reader.js';

export interface SalvageVisitor extends JournalVisitor {
  onLostBatch(frame: LocatedFrame): void;
}

export interface SalvagedJournal<V> {
  readonly content: JournalContent;
  readonly visitor: V;
  readonly problem: string | undefined;
  readonly isComplete: boolean;
  readonly sequence: number;
  /** Number of the last acknowledged batch; undefined if the end mark is missing. */
  readonly acknowledgedSequence: number | undefined;
}

/**
 * Reads the readable parts of a damaged journal: all parts of a checkpoint, and the batches before the first lost
 * batch. Later batches depend on the lost batch, so they are passed to `onLostBatch`. Changes no file.
 *
 * @param createVisitor - called for each attempt to read the journal
 * @throws {@link JournalDamage} when nothing can be read
 */
export async function salvageJournal<V extends SalvageVisitor>(
  folder: DataFolder,
  createVisitor: () => V,
): Promise<SalvagedJournal<V>> {
  const numbers = fileNumbers(await folder.names());
  const mark = await withFile(folder, endMarkName, readMark);
  const { content, folderId } = mark ?? (await readHeaders(folder, numbers))[0] ?? {};
  if (
    content === undefined ||
    folderId === undefined ||
    numbers.journals.length + numbers.checkpoints.length === 0
  )
    throw new JournalDamage('contains no readable journal');
  const visitor = createVisitor();
  try {
    const found = await readJournal(folder, content, visitor);
    if (found === undefined) throw new JournalDamage('was never used');
    const { sequence } = found.end;
    return {
      content,
      visitor,
      problem: undefined,
      isComplete: true,
      sequence,
      acknowledgedSequence: found.mark.sequence,
    };
  } catch (error) {
    if (!(error instanceof JournalDamage)) throw error;
    const run = new SalvageRun(folder, createVisitor(), numbers, mark, content, folderId);
    return { content, problem: error.message, ...(await run.read()) };
  }
}

async function readHeaders(folder: DataFolder, numbers: FileNumbers): Promise<FileHeader[]> {
  const headers: FileHeader[] = [];
  const names = [...numbers.journals.map(journalName), ...numbers.checkpoints.map(checkpointName)];
  for (const name of names) {
    const found = await withFile(folder, name, async (file) => readHeader(await FrameReader.open(file)));
    if (found !== undefined) headers.push(found.header);
  }
  return headers;
}

class SalvageRun<V extends SalvageVisitor> {
  readonly #folder: DataFolder;
  readonly #visitor: V;
  readonly #numbers: FileNumbers;
  readonly #mark: EndMark | undefined;
  readonly #content: JournalContent;
  readonly #folderId: string;
  /** Whether a batch is lost. Later batches are passed to `onLostBatch`. */
  #isBroken = false;
  #isComplete = true;
  /** Checksum of the last frame; undefined if the next frame cannot be checked. */
  #checksum: number | undefined;
  #sequence: number | undefined;

  constructor(
    folder: DataFolder,
    visitor: V,
    numbers: FileNumbers,
    mark: EndMark | undefined,
    content: JournalContent,
    folderId: string,
  ) {
    this.#folder = folder;
    this.#visitor = visitor;
    this.#numbers = numbers;
    this.#mark = mark;
    this.#content = content;
    this.#folderId = folderId;
  }

  async read(): Promise<Omit<SalvagedJournal<V>, 'content' | 'problem'>> {
    const { journals } = this.#numbers;
    const base = await this.#findBase();
    if (this.#content === 'registry' && base > 1) await this.#readCheckpoint(base);
    if (this.#content === 'calls' && base !== (this.#mark?.base ?? 1)) this.#isComplete = false;
    for (let number = base; number <= (journals.at(-1) ?? 0); number++) await this.#readFile(number);
    this.#readCopy();
    const acknowledgedSequence = this.#mark?.sequence;
    const sequence = this.#sequence ?? 0;
    const reachesEnd = acknowledgedSequence !== undefined && sequence >= acknowledgedSequence;
    return {
      visitor: this.#visitor,
      isComplete: this.#isComplete && reachesEnd,
      sequence,
      acknowledgedSequence,
    };
  }

  /**
   * Resolves to the base in the end mark, if a file with this number exists. Otherwise resolves to the number of the
   * last complete checkpoint. Without a complete checkpoint, resolves to the number of the first file.
   */
  async #findBase(): Promise<number> {
    const { journals, checkpoints } = this.#numbers;
    const base = this.#mark?.base;
    if (base !== undefined && (journals.includes(base) || checkpoints.includes(base))) return base;
    for (const number of [...checkpoints].reverse()) {
      const isEnded = await withFile(this.#folder, checkpointName(number), async (file) => {
        const reader = await FrameReader.open(file);
        for (let frame = await reader.next(); frame !== undefined; frame = await reader.next())
          if (frame.kind === 'E') return true;
        return false;
      });
      if (isEnded === true) return number;
    }
    return journals[0] ?? checkpoints[0] ?? 1;
  }

  async #readCheckpoint(number: number): Promise<void> {
    const isEnded = await withFile(this.#folder, checkpointName(number), async (file) => {
      const reader = await FrameReader.open(file);
      const header = await this.#readHeader(reader, 'checkpoint', number);
      this.#checksum = header?.previous;
      if (header === undefined && !(await reader.skipDamaged())) return false;
      for (;;) {
        const frame = await reader.next();
        if (frame?.kind === 'E') return true;
        if (frame?.kind === 'C') this.#visitor.onCheckpoint(frame.payload);
        else {
          this.#isComplete = false;
          if (frame === undefined && !(await reader.skipDamaged())) return false;
        }
      }
    });
    if (isEnded !== true) this.#isComplete = false;
  }

  async #readFile(number: number): Promise<void> {
    const isRead = await withFile(this.#folder, journalName(number), async (file) => {
      const reader = await FrameReader.open(file);
      const isFirst = this.#sequence === undefined;
      const header = await this.#readHeader(reader, 'journal', number);
      const checksum = header?.checksum ?? (await skippedChecksum(reader, file));
      const isExpected = isFirst
        ? this.#checksum === undefined || this.#checksum === checksum
        : header === undefined || header.previous === this.#checksum;
      if (checksum === undefined || !isExpected) this.#break();
      this.#checksum = checksum;
      if (header !== undefined && !this.#isBroken) this.#sequence ??= header.sequence;
      await this.#readBatches(reader, number);
      return true;
    });
    if (isRead === undefined) this.#break();
  }

  async #readBatches(reader: FrameReader, number: number): Promise<void> {
    while (!reader.isAtEnd) {
      const frame = await reader.next();
      if (frame === undefined) {
        // `#isComplete` stays true, because this batch may never have been acknowledged, which `read` checks later.
        this.#isBroken = true;
        if (!(await reader.skipDamaged())) return;
        continue;
      }
      const isNext =
        frame.kind === 'B' &&
        frame.previous === this.#checksum &&
        (this.#sequence === undefined || frame.sequence === this.#sequence + 1);
      if (!isNext) this.#isBroken = true;
      if (this.#isBroken) {
        if (frame.kind === 'B') this.#visitor.onLostBatch(frame);
        continue;
      }
      this.#visitor.onBatch(frame, number);
      this.#checksum = frame.checksum;
      this.#sequence = frame.sequence;
    }
  }

  #readCopy(): void {
    const { copy, sequence, offset, number } = this.#mark ?? {};
    const frame = copy && parseFrame(copy);
    const isNext =
      frame?.kind === 'B' && frame.previous === this.#checksum && sequence === (this.#sequence ?? 0) + 1;
    if (!isNext || copy === undefined || offset === undefined || number === undefined) return;
    this.#visitor.onBatch({ ...frame, offset: offset - copy.length }, number);
    this.#sequence = sequence;
  }

  #break(): void {
    this.#isBroken = true;
    this.#isComplete = false;
  }

  /**
   * Resolves to undefined if the header is damaged. If the header belongs to another file, all following batches count
   * as lost.
   */
  async #readHeader(
    reader: FrameReader,
    file: FileHeader['file'],
    number: number,
  ): Promise<LocatedFrame | undefined> {
    const found = await readHeader(reader);
    if (found === undefined) return undefined;
    const { header, frame } = found;
    if (header.file === file && header.number === number && header.folderId === this.#folderId) {
      if (file === 'journal') this.#visitor.onHeader?.(header);
      return frame;
    }
    this.#break();
    return frame;
  }
}

/** Skips a damaged header. Resolves to the checksum that the next frame must state; undefined if unknown. */
async function skippedChecksum(
  reader: FrameReader,
  file: Parameters<typeof FrameReader.open>[0],
): Promise<number | undefined> {
  if (reader.offset !== 0 || !(await reader.skipDamaged())) return undefined;
  return claimedChecksum(await file.read(0, frameHeaderBytes));
}
