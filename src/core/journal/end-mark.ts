import type { DataFile } from '../data-folder.js';
import type { JournalContent } from './file-header.js';
import { allocateFrame, frameBytes, frameHeaderBytes, parseFrame, sealFrame } from './frame.js';

export interface JournalEnd {
  /** Number of the journal file. */
  readonly number: number;
  readonly offset: number;
  readonly sequence: number;
  /** Checksum of the last frame before `offset`. */
  readonly checksum: number;
}

/**
 * Content of the file `end`: the position up to which the journal was written. An undamaged journal contains all
 * batches before this position.
 */
export interface EndMark extends JournalEnd {
  readonly content: JournalContent;
  /** Number of the first journal file that must be read to open the journal. */
  readonly base: number;
  readonly folderId: string;
  readonly counter: number;
  /**
   * Copy of the last batch. The batch and this mark are written at the same time, so a crash may damage the batch.
   * Undefined if the batch was synced to disk before this mark was written.
   */
  readonly copy: Buffer | undefined;
}

/** Marks are written to two slots in turn. The slots are in different blocks, so a torn write damages only one mark. */
const slotOffsets = [0, 65_536] as const;
const slotBytes = 65_536;
const payloadBytes = 31;
export const maxCopyBytes = slotBytes - frameHeaderBytes - payloadBytes;
const contents: readonly JournalContent[] = ['registry', 'calls'];

export function encodeMark({
  counter,
  base,
  number,
  offset,
  folderId,
  content,
  sequence,
  checksum,
  copy,
}: EndMark): Buffer {
  const frame = allocateFrame(payloadBytes + (copy?.length ?? 0));
  let at = frame.writeUIntBE(counter, frameHeaderBytes, 6);
  at = frame.writeUIntBE(base, at, 5);
  at = frame.writeUIntBE(number, at, 5);
  at = frame.writeUIntBE(offset, at, 6);
  at += frame.write(folderId, at, 8, 'hex');
  at = frame.writeUInt8(contents.indexOf(content), at);
  if (copy !== undefined) frame.set(copy, at);
  sealFrame(frame, 'M', sequence, checksum);
  return frame;
}

export function writeMark(file: DataFile, mark: EndMark): Promise<void> {
  return file.write(slotOffsets[mark.counter % 2] as number, encodeMark(mark));
}

export async function readMark(file: DataFile): Promise<EndMark | undefined> {
  const slots = await Promise.all(slotOffsets.map((offset) => file.read(offset, slotBytes)));
  const marks = slots.map(decodeMark).filter((mark) => mark !== undefined);
  return marks.sort((a, b) => b.counter - a.counter)[0];
}

function decodeMark(bytes: Buffer): EndMark | undefined {
  if (bytes.length < frameHeaderBytes) return undefined;
  const frame = parseFrame(bytes.subarray(0, frameBytes(bytes)));
  if (frame?.kind !== 'M') return undefined;
  const { payload, sequence, previous } = frame;
  return {
    counter: payload.readUIntBE(0, 6),
    base: payload.readUIntBE(6, 5),
    number: payload.readUIntBE(11, 5),
    offset: payload.readUIntBE(16, 6),
    folderId: payload.toString('hex', 22, 30),
    content: contents[payload.readUInt8(30)] as JournalContent,
    sequence,
    checksum: previous,
    copy: payload.length > payloadBytes ? payload.subarray(payloadBytes) : undefined,
  };
}
