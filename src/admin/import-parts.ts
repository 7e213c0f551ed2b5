import { limits } from '../protocol/limits.js';

export interface ImportPart {
  readonly lines: Uint8Array;
  /** Number of the first line in the input; 1 for the first part. */
  readonly firstLine: number;
}

const newline = 10;

/** Splits the lines of an export into parts that the registry accepts as one import each. */
export function* importParts(input: Uint8Array): IterableIterator<ImportPart> {
  let start = 0;
  let firstLine = 1;
  while (start < input.length || firstLine === 1) {
    let end = start;
    let lines = 0;
    while (end < input.length && lines < limits.maxChangedNames) {
      const at = input.indexOf(newline, end);
      const next = at < 0 ? input.length : at + 1;
      if (lines > 0 && next - start > limits.maxImportPartBytes) break;
      end = next;
      lines++;
    }
    yield { lines: input.subarray(start, end), firstLine };
    start = end;
    firstLine += Math.max(1, lines);
  }
}
