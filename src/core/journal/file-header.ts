import type { DataFile, DataFolder } from '../data-folder.js';
import type { FrameReader, LocatedFrame } from './frame-reader.js';

export type JournalContent = 'registry' | 'calls';

export interface FileHeader {
  readonly folderId: string;
  readonly content: JournalContent;
  readonly file: 'journal' | 'checkpoint';
  readonly number: number;
  /**
   * A number that the caller of `rotate` sets. Each new journal file repeats the number, so the number survives the
   * removal of older files.
   */
  readonly carried: number;
}

export const endMarkName = 'end';
export const readmeName = 'README';

export function journalName(number: number): string {
  return `journal-${String(number).padStart(8, '0')}`;
}

/** A checkpoint contains the state before the first batch of the journal file with the same number. */
export function checkpointName(number: number): string {
  return `checkpoint-${String(number).padStart(8, '0')}`;
}

export interface FileNumbers {
  readonly journals: readonly number[];
  readonly checkpoints: readonly number[];
}

export function fileNumbers(names: readonly string[]): FileNumbers {
  const numbersOf = (prefix: string): number[] =>
    names
      .filter((name) => name.startsWith(prefix) && /^\d{8,}$/.test(name.slice(prefix.length)))
      .map((name) => Number(name.slice(prefix.length)))
      .sort((a, b) => a - b);
  return { journals: numbersOf('journal-'), checkpoints: numbersOf('checkpoint-') };
}

export async function readHeader(
  reader: FrameReader,
): Promise<{ readonly header: FileHeader; readonly frame: LocatedFrame } | undefined> {
  const frame = await reader.next();
  if (frame?.kind !== 'H' || frame.offset !== 0) return undefined;
  return { header: JSON.parse(frame.payload.toString()) as FileHeader, frame };
}

export async function withFile<T>(
  folder: DataFolder,
  name: string,
  use: (file: DataFile) => Promise<T>,
): Promise<T | undefined> {
  const file = await folder.open(name);
  if (file === undefined) return undefined;
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
